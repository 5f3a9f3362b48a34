// SPDX-License-Identifier: Apache-2.0
//
// 08 persistent. Before: the main loop of 07 keeps the tensor core busy, but each tile of C begins
// with a block being launched and a ring being filled (1.2 us until the first product) and ends
// with stores of 4 bytes per lane, half a sector each (2 us and more). A tile of k = 4096 takes 37
// us.
//
// Idea: nobody waits at a border.
//   * One block per multiprocessor walks over the tiles of C. Its producer goes on to the next tile
//     while the consumers still store this one: the ring is full when they come back.
//   * The consumers write their rows into shared memory with stmatrix, one thread hands them to the
//     copy engine, and all go on: ~1000 clocks instead of 3000. That takes 64 KiB and with them one
//     of four buffers; three are enough (the main loop becomes 0.7% longer; two halves of 16 KiB
//     that take turns cost more, because each waits for the engine to have read the other).
//   * The next kernel's blocks set themselves up while this one's last tiles run (programmatic
//     dependent launch), and touch memory only when it has ended.
// Prediction: per tile 66 000 clocks of products and 1500 of border: 97%, times 97% because 512
// tiles on 132 multiprocessors take the time of 4 * 132.
#pragma once

#include <algorithm>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/ring.hpp>
#include <warpladder/gemm_tc/detail/tile_walk.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_operand.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_store.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

/// Each of the consumers multiplies 64 x BlockN. Stages: buffers of the ring; Panels: how many
/// times 128 bytes of k one holds.
template <int BlockN, int Stages, int Consumers = 2, int Panels = 1>
struct persistent_tuning {
  static constexpr int consumers = Consumers, stages = Stages, panels = Panels;
  static constexpr int block_m = 64 * consumers, block_n = BlockN;
  static constexpr int threads = (consumers + 1) * 128;
  static constexpr int stage_bytes = (block_m + block_n) * panels * 128;
  static constexpr int staging_kib = consumers < 3 ? std::min(BlockN / 4, 32) : 10;  ///< of one
  static constexpr bool moves_registers = BlockN > 128;  ///< else 168 are enough for a consumer
  static constexpr int consumer_registers = consumers < 3 ? 240 : 160;

  template <class Problem>
  using staging = detail::staged_store<BlockN, Problem, staging_kib>;

  /// Can it multiply operands that lie so? For others there is no kernel.
  static constexpr bool takes(operand_major /*a*/, operand_major /*b*/) { return true; }
};

/// 128 x 256, and as many buffers as leave room for the rows that wait to be stored.
using persistent_default = persistent_tuning<256, 3>;

/// Tiles of C one row after the other.
struct row_order {
  static constexpr bool for_all_products = false;

  /// Column (x) and row (y) of the tile-th of rows x cols tiles.
  static __device__ __forceinline__ int2 place(int tile, int /*rows*/, int cols) {
    return {tile % cols, tile / cols};
  }
};

template <class Tuning, class Order>
using persistent_walk = detail::tile_walk<Tuning::block_m, Tuning::block_n, Order>;

template <class Tuning, class Order, operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(Tuning::threads, 1)
    persistent_kernel(Problem p, persistent_walk<Tuning, Order> walk, bool by_engine,
                      const __grid_constant__ detail::operand_map map_a,
                      const __grid_constant__ detail::operand_map map_b,
                      const __grid_constant__ tensor_map map_c) {
  using tuning = Tuning;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA, tuning::panels>;
  using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB, tuning::panels>;
  using staging = typename tuning::template staging<Problem>;

  __shared__ transaction_barrier full[tuning::stages], empty[tuning::stages];
  auto* const ring = dynamic_shared<unsigned char>();
  const int warpgroup = int(threadIdx.x) / 128;

  if (threadIdx.x == 0) {
    allow_any_values(ring, tuning::stages * tuning::stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(tuning::consumers * 4);
    if (walk.k_tiles > 0) detail::prefetch_operand(map_a), detail::prefetch_operand(map_b);
    if (by_engine) prefetch_tensor_map(map_c);
  }
  __syncthreads();
  let_next_kernel_start();
  wait_for_kernels_before();

  detail::ring_position<tuning::stages> at;
  if (warpgroup == tuning::consumers) {
    if constexpr (tuning::moves_registers) shrink_registers<24>();
    if (threadIdx.x % 128 != 0) return;
    for (int tile = int(blockIdx.x); tile < walk.tiles; tile += int(gridDim.x)) {
      const auto to = walk[tile];
      const int batch_a = p.stride_a == 0 ? 0 : to.batch, batch_b = p.stride_b == 0 ? 0 : to.batch;
      const unsigned bytes = tile_a::bytes_inside(to.row, p.m) + tile_b::bytes_inside(to.col, p.n);
      for (int k_tile = 0; k_tile < walk.k_tiles; ++k_tile) {
        unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        transaction_barrier& landed = full[at.stage];
        const int k = k_tile * tile_a::depth;
        empty[at.stage].wait(at.parity ^ 1);
        landed.arrive_and_expect(bytes);
        tile_a::request(stage, map_a, to.row, p.m, k, batch_a, landed);
        tile_b::request(stage + tile_a::bytes, map_b, to.col, p.n, k, batch_b, landed);
        at.advance();
      }
    }
  } else {
    if constexpr (tuning::moves_registers) grow_registers<tuning::consumer_registers>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) empty[stage].arrive();
    };
    staging store(ring + tuning::stages * tuning::stage_bytes + warpgroup * staging::shared_bytes,
                  1 + warpgroup, by_engine ? &map_c : nullptr);
    warpgroup_products products;
    for (int tile = int(blockIdx.x); tile < walk.tiles; tile += int(gridDim.x)) {
      typename Problem::scalar sum[tuning::block_n / 2];
      if (walk.k_tiles == 0) {
        for (auto& one : sum) one = 0;
      }
      int previous = 0;
      for (int k_tile = 0; k_tile < walk.k_tiles; ++k_tile) {
        const unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        full[at.stage].wait(at.parity);
        products.begin();
#pragma unroll
        for (int step = 0; step < tile_a::k_steps; ++step)
          products.start<input, tuning::block_n, MajorA, MajorB>(
              sum, tile_a::at(stage, warpgroup * 64, step),
              tile_b::at(stage + tile_a::bytes, 0, step), k_tile > 0 || step > 0);
        products.commit();
        products.wait<1>();
        if (k_tile > 0) release(previous);
        previous = at.stage;
        at.advance();
      }
      // While the last products run: where does this tile go, and is there room to stage it?
      const auto to = walk[tile];
      const std::int64_t row = std::int64_t{to.row} + warpgroup * 64;
      store.wait_until_free();
      products.wait<0>();
      if (walk.k_tiles > 0) release(previous);

      store.store(p, sum, row, to.col, to.batch);
    }
    store.drain();
  }
}

/// Launches the kernel with a tuning and an order of the tiles. `cluster` blocks run side by side.
template <class Tuning, class Order, class Problem>
cudaError_t launch_persistent(const Problem& p, cudaStream_t stream, int cluster = 1) {
  if (p.is_empty()) return cudaSuccess;
  return detail::with_majors(p, [&]<operand_major MajorA, operand_major MajorB>() -> cudaError_t {
    if constexpr (!Tuning::takes(MajorA, MajorB)) {
      return cudaErrorNotSupported;
    } else {
      using input = typename Problem::input;
      using tile_a = detail::warpgroup_operand<input, Tuning::block_m, MajorA, Tuning::panels>;
      using tile_b = detail::warpgroup_operand<input, Tuning::block_n, MajorB, Tuning::panels>;
      using staging = typename Tuning::template staging<Problem>;
      device_facts device;
      cudaError_t status = query_device(device);
      if (status != cudaSuccess) return status;

      persistent_walk<Tuning, Order> walk;
      status = detail::make_walk(walk, p, tile_a::depth);
      detail::operand_map map_a = {}, map_b = {};
      tensor_map map_c = {};
      if (status == cudaSuccess)
        status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      const bool by_engine = staging::can_engine(p);
      if (status == cudaSuccess && by_engine) status = staging::make_map(map_c, p);
      if (status != cudaSuccess) return status;
      return warpladder::launch_kernel(
          persistent_kernel<Tuning, Order, MajorA, MajorB, Problem>,
          {.grid = dim3(unsigned(detail::walking_blocks(walk.tiles, device, cluster))),
           .block = dim3(Tuning::threads),
           .shared_bytes =
               Tuning::stages * Tuning::stage_bytes + Tuning::consumers * staging::shared_bytes,
           .stream = stream,
           .cluster = unsigned(cluster),
           .overlaps_kernel_before = true},
          p, walk, by_engine, map_a, map_b, map_c);
    }
  });
}

struct persistent {
  static constexpr rung_info info{.step = 8,
                                  .name = "persistent",
                                  .idea = "blocks stay: loads and stores fly across the borders",
                                  .min_compute_capability = 90};

  template <class Problem>
  static support supports(const Problem& p) {
    return detail::supports_warpgroups(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<persistent_default, row_order>(p, stream);
  }
};

}  // namespace warpladder::gemm_tc
