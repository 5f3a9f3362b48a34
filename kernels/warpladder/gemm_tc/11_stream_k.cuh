// SPDX-License-Identifier: Apache-2.0
//
// 11 stream_k. Before: 2048 tiles of 8192^3 on 132 multiprocessors are 15.5 waves and take the time
// of 16, 512 tiles of 4096^3 are 3.88 and take that of 4: 3% each.
//
// Idea: as in gemm/18 stream_k, divide the products of the last one to two waves equally (Osama et
// al., "Stream-K: Work-centric Parallel Decomposition for Dense Matrix-Matrix Multiplication on the
// GPU", 2023). A piece that begins inside a tile goes to the workspace; the block that began the
// tile adds the pieces behind it, always in the order of k: equal bits from run to run.
//
// A handover is between two warpgroups, 64 x 256 sums, 64 KiB; a block's two are written and read
// back through L2, at ~50 bytes per clock 2 x 2600 clocks, once per block. A flag says that a piece
// is there. The flags need no memset, which would keep this kernel apart from the one before (2
// us): a launch marks its pieces with a number that no other launch has, and who takes a piece
// wipes the mark out, so that a graph can replay the launch.
// Prediction: 8192^3 gains 0.48 of 16 waves of 131 000 clocks, less 5200: 2.8%; 4096^3 0.12 of 4
// waves of 65 500, less 5200: 1%. What came, in development runs: a loss, at 4096^3 of a fifth. The
// handovers alone take twice what was predicted, and blocks that stand at different k ask L2 for
// different lines, which costs the joint requests that 08 lives on (see 09). The rungs above go on
// from 10.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/spin.cuh>
#include <warpladder/gemm/detail/stream_k_schedule.cuh>
#include <warpladder/gemm_tc/08_persistent.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>

namespace warpladder::gemm_tc {

/// Who computes what, and where pieces change hands.
template <class Problem>
struct stream_k_plan {
  using scalar = typename Problem::scalar;
  gemm::detail::stream_k_schedule<128 / sizeof(typename Problem::input)> schedule;
  scalar* pieces;             ///< of each share and warpgroup: 64 x block_n sums
  unsigned long long* marks;  ///< of each share and warpgroup: the launch whose piece is there
  unsigned long long launch;
};

/// A number for each launch of this process, never 0. Mixed, so that memory which was used for
/// something else before does not hold it by chance (splitmix64: Steele, Lea and Flood, 2014).
inline unsigned long long next_launch() {
  static std::atomic<std::uint64_t> launches{0};
  std::uint64_t bits = (launches.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9E3779B97F4A7C15u;
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
  return bits ^ bits >> 31;
}

/// One warpgroup's part in handing pieces over.
template <class Problem, int N>
class handover {
 public:
  using scalar = typename Problem::scalar;
  static constexpr int piece_size = 64 * N;

  __device__ handover(const stream_k_plan<Problem>& plan, int warpgroup)
      : plan_(plan), warpgroup_(warpgroup) {}

  __device__ __forceinline__ void give(int share, const scalar (&sum)[N / 2]) const {
    const int slot = share * 2 + warpgroup_;
    packet* const piece = packets(slot);
#pragma unroll
    for (int i = 0; i < N / 8; ++i)
      piece[i * 128] = {sum[4 * i], sum[4 * i + 1], sum[4 * i + 2], sum[4 * i + 3]};
    // The barrier makes all writes happen before the release, which therefore publishes them all.
    numbered_barrier(1 + warpgroup_, 128);
    if (threadIdx.x % 128 == 0) store_release(&plan_.marks[slot], plan_.launch);
  }

  /// Adds the pieces of `tile` that the shares behind `share` computed.
  template <class Schedule>
  __device__ __forceinline__ void take(const Schedule& schedule, int share, int tile,
                                       scalar (&sum)[N / 2]) const {
    const std::int64_t end =
        (tile - std::int64_t{schedule.waves} * schedule.blocks + 1) * schedule.grains_per_tile;
    while (schedule.begin(++share) < end) {
      const int slot = share * 2 + warpgroup_;
      if (threadIdx.x % 128 == 0) {
        while (load_acquire(&plan_.marks[slot]) != plan_.launch) pause_between_polls();
        store_relaxed(&plan_.marks[slot], 0);
      }
      numbered_barrier(1 + warpgroup_, 128);
      const packet* const piece = packets(slot);
#pragma unroll
      for (int i = 0; i < N / 8; ++i) {
        const packet part = load_through_l2(&piece[i * 128]);
        sum[4 * i] += part.x, sum[4 * i + 1] += part.y;
        sum[4 * i + 2] += part.z, sum[4 * i + 3] += part.w;
      }
    }
  }

 private:
  using packet = std::conditional_t<std::is_same_v<scalar, float>, float4, int4>;

  /// Written by another multiprocessor: not from L1.
  static __device__ __forceinline__ packet load_through_l2(const packet* from) {
    return __ldcg(from);
  }
  /// Of this thread: the sums of all 128 follow each other.
  __device__ packet* packets(int slot) const {
    return reinterpret_cast<packet*>(plan_.pieces + std::int64_t{slot} * piece_size) +
           threadIdx.x % 128;
  }

  const stream_k_plan<Problem>& plan_;
  int warpgroup_;
};

template <class Tuning, class Order, operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(Tuning::threads, 1)
    stream_k_kernel(Problem p, persistent_walk<Tuning, Order> walk, bool by_engine,
                    stream_k_plan<Problem> plan, const __grid_constant__ detail::operand_map map_a,
                    const __grid_constant__ detail::operand_map map_b,
                    const __grid_constant__ tensor_map map_c) {
  using tuning = Tuning;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
  using staging = detail::staged_store<tuning::block_n, Problem, tuning::staging_kib>;

  __shared__ transaction_barrier full[tuning::stages], empty[tuning::stages];
  auto* const ring = dynamic_shared<unsigned char>();
  const int warpgroup = int(threadIdx.x) / 128;

  if (threadIdx.x == 0) {
    allow_any_values(ring, tuning::stages * tuning::stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(tuning::consumers * 4);
    detail::prefetch_operand(map_a), detail::prefetch_operand(map_b);
    if (by_engine) prefetch_tensor_map(map_c);
  }
  __syncthreads();
  let_next_kernel_start();
  wait_for_kernels_before();

  // The order is turned round: who began a tile waits for blocks of lower index, which have
  // started.
  const int share = plan.schedule.blocks - 1 - int(blockIdx.x);
  using cursor = gemm::detail::stream_k_cursor<tile_a::depth>;
  detail::ring_position<tuning::stages> at;
  if (warpgroup == tuning::consumers) {
    shrink_registers<24>();
    if (threadIdx.x % 128 != 0) return;
    for (cursor piece(plan.schedule, share); !piece.at_end(); piece.advance(plan.schedule)) {
      const auto to = walk[piece.tile];
      const int batch_a = p.stride_a == 0 ? 0 : to.batch, batch_b = p.stride_b == 0 ? 0 : to.batch;
      const unsigned bytes = tile_a::bytes_inside(to.row, p.m) + tile_b::bytes_inside(to.col, p.n);
      for (int k = piece.k_begin; k < piece.k_end; k += tile_a::depth) {
        unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        transaction_barrier& landed = full[at.stage];
        empty[at.stage].wait(at.parity ^ 1);
        landed.arrive_and_expect(bytes);
        tile_a::request(stage, map_a, to.row, p.m, k, batch_a, landed);
        tile_b::request(stage + tile_a::bytes, map_b, to.col, p.n, k, batch_b, landed);
        at.advance();
      }
    }
  } else {
    grow_registers<240>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) empty[stage].arrive();
    };
    staging store(ring + tuning::stages * tuning::stage_bytes + warpgroup * staging::shared_bytes,
                  1 + warpgroup, by_engine ? &map_c : nullptr);
    warpgroup_products products;
    const handover<Problem, tuning::block_n> hand(plan, warpgroup);
    for (cursor piece(plan.schedule, share); !piece.at_end(); piece.advance(plan.schedule)) {
      typename Problem::scalar sum[tuning::block_n / 2];
      int previous = 0;
      for (int k = piece.k_begin; k < piece.k_end; k += tile_a::depth) {
        const unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        full[at.stage].wait(at.parity);
        products.begin();
#pragma unroll
        for (int step = 0; step < tile_a::k_steps; ++step)
          products.start<input, tuning::block_n, MajorA, MajorB>(
              sum, tile_a::at(stage, warpgroup * 64, step),
              tile_b::at(stage + tile_a::bytes, 0, step), k > piece.k_begin || step > 0);
        products.commit();
        products.wait<1>();
        if (k > piece.k_begin) release(previous);
        previous = at.stage;
        at.advance();
      }
      const auto to = walk[piece.tile];
      const std::int64_t row = std::int64_t{to.row} + warpgroup * 64;
      store.wait_until_free();
      products.wait<0>();
      if (piece.k_end > piece.k_begin) release(previous);

      if (piece.k_begin > 0) {
        hand.give(share, sum);
        continue;
      }
      if (piece.k_end < plan.schedule.depth) hand.take(plan.schedule, share, piece.tile, sum);

      store.store(p, sum, row, to.col, to.batch);
    }
    store.drain();
  }
}

struct stream_k {
  static constexpr rung_info info{.step = 11,
                                  .name = "stream_k",
                                  .idea = "equal shares of the products, not of tiles",
                                  .min_compute_capability = 90};

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.k > 1 << 30) return {"k exceeds 2^30"};  // places along k are ints, also the next tile's
    return detail::supports_warpgroups(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem& p) {
    device_facts device;
    if (p.is_empty() || p.depth() == 0 || query_device(device) != cudaSuccess) return 0;
    return layout<persistent_default>(p, device).bytes;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view scratch) {
    using tuning = persistent_default;
    if (p.is_empty() || p.depth() == 0)  // no products to divide
      return launch_persistent<tuning, banded_order<16>>(p, stream);
    return detail::with_majors(p, [&]<operand_major MajorA, operand_major MajorB>() {
      using input = typename Problem::input;
      using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA>;
      using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
      using staging = detail::staged_store<tuning::block_n, Problem, tuning::staging_kib>;
      device_facts device;
      cudaError_t status = query_device(device);
      if (status != cudaSuccess) return status;
      const memory needed = layout<tuning>(p, device);
      if (needed.tiles > std::numeric_limits<std::int32_t>::max() || needed.bytes > scratch.bytes)
        return cudaErrorInvalidValue;

      using order = banded_order<16>;
      persistent_walk<tuning, order> walk;
      status = detail::make_walk(walk, p, tile_a::depth);
      detail::operand_map map_a = {}, map_b = {};
      tensor_map map_c = {};
      if (status == cudaSuccess)
        status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      const bool by_engine = staging::can_engine(p);
      if (status == cudaSuccess && by_engine) status = staging::make_map(map_c, p);
      if (status != cudaSuccess) return status;
      auto* const pieces = static_cast<typename Problem::scalar*>(scratch.data);
      const stream_k_plan<Problem> plan{
          {int(needed.tiles), needed.blocks, needed.waves, ceil_div(p.depth(), tile_a::depth),
           p.depth()},
          pieces,
          reinterpret_cast<unsigned long long*>(pieces + needed.piece_count * piece_size<tuning>),
          next_launch()};
      return warpladder::launch_kernel(stream_k_kernel<tuning, order, MajorA, MajorB, Problem>,
                                       {.grid = dim3(unsigned(needed.blocks)),
                                        .block = dim3(tuning::threads),
                                        .shared_bytes = tuning::stages * tuning::stage_bytes +
                                                        tuning::consumers * staging::shared_bytes,
                                        .stream = stream,
                                        .overlaps_kernel_before = true},
                                       p, walk, by_engine, plan, map_a, map_b, map_c);
    });
  }

 private:
  struct memory {
    std::int64_t tiles;
    int blocks, waves;
    std::int64_t piece_count;
    std::size_t bytes;
  };
  template <class Tuning>
  static constexpr int piece_size = 64 * Tuning::block_n;

  template <class Tuning, class Problem>
  static memory layout(const Problem& p, const device_facts& device) {
    constexpr int depth = 128 / int(sizeof(typename Problem::input));
    constexpr int min_k_tiles = 4;  // a shorter piece costs more to hand over than to compute
    memory m{};
    m.tiles = ceil_div<std::int64_t>(p.m, Tuning::block_m) *
              ceil_div<std::int64_t>(p.n, Tuning::block_n) * p.batch;
    const std::int64_t useful =
        ceil_div<std::int64_t>(m.tiles * std::max(1, ceil_div(p.depth(), depth)), min_k_tiles);
    m.blocks = int(std::min<std::int64_t>(device.multiprocessors, useful));
    m.waves = m.tiles >= 2 * m.blocks ? int(m.tiles / m.blocks) - 1 : 0;
    m.piece_count = m.tiles % m.blocks == 0 ? 0 : std::int64_t{m.blocks} * Tuning::consumers;
    m.bytes = std::size_t(m.piece_count) *
              (piece_size<Tuning> * sizeof(typename Problem::scalar) + sizeof(unsigned long long));
    return m;
  }
};

}  // namespace warpladder::gemm_tc
