// SPDX-License-Identifier: Apache-2.0
//
// 09 multicast. Before: each of the 132 blocks of 08 fetches 48 KiB from L2 every 1024 clocks, 6.2
// KiB a clock in all, more than L2 is known to give (about 5.5 TB/s, 3 KiB a clock).
//
// Idea: two blocks, one below the other, need the same columns of B. As a cluster they fetch half
// of them each, and the copy engine writes what it brings into the shared memory of both: 32
// instead of 48 KiB per block. A buffer is now free when the consumers of both blocks say so, which
// they do by an arrival at a barrier of the other block. (As a release it would be a fence for the
// whole device, and take 40% of the speed; only reads end here, so relaxed is enough.) Prediction:
// a third less from L2, and whatever 08 loses by waiting for it. What came: nothing. The bytes that
// L2 delivers are the same in 08, because the H100 already joins requests of neighbouring
// multiprocessors for one line. The rungs above go on from 08. What is saved are requests: where
// rows straddle lines of 128 bytes and need two each, 08 and 10 wait for them, and this does not.
#pragma once

#include <cooperative_groups.h>

#include <algorithm>
#include <warpladder/gemm_tc/08_persistent.cuh>

namespace warpladder::gemm_tc {

/// Blocks of a cluster.
inline constexpr int multicast_blocks = 2;

/// Tiles of two blocks, one below the other.
template <class Tuning>
using multicast_walk =
    detail::tile_walk<multicast_blocks * Tuning::block_m, Tuning::block_n, row_order>;

template <class Tuning, operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(Tuning::threads, 1)
    multicast_kernel(Problem p, multicast_walk<Tuning> walk, bool by_engine,
                     const __grid_constant__ detail::operand_map map_a,
                     const __grid_constant__ detail::operand_map map_b,
                     const __grid_constant__ tensor_map map_c) {
#if defined(WARPLADDER_HOST_EXECUTOR) || WARPLADDER_WARPGROUP_MMA
  using tuning = Tuning;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
  using staging = detail::staged_store<tuning::block_n, Problem, tuning::staging_kib>;

  __shared__ transaction_barrier full[tuning::stages], empty[tuning::stages];
  auto* const ring = dynamic_shared<unsigned char>();
  const int warpgroup = int(threadIdx.x) / 128;

  const cooperative_groups::cluster_group cluster = cooperative_groups::this_cluster();
  const int rank = int(cluster.block_rank());
  if (threadIdx.x == 0) {
    allow_any_values(ring, tuning::stages * tuning::stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty)
      barrier.init(multicast_blocks * tuning::consumers * 4);
    if (walk.k_tiles > 0) detail::prefetch_operand(map_a), detail::prefetch_operand(map_b);
    if (by_engine) prefetch_tensor_map(map_c);
  }
  cluster.sync();
  let_next_kernel_start();
  wait_for_kernels_before();

  detail::ring_position<tuning::stages> at;
  if (warpgroup == tuning::consumers) {
    shrink_registers<40>();
    for (int tile = int(blockIdx.x) / multicast_blocks; tile < walk.tiles && threadIdx.x % 128 == 0;
         tile += int(gridDim.x) / multicast_blocks) {
      const auto to = walk[tile];
      const int batch_a = p.stride_a == 0 ? 0 : to.batch, batch_b = p.stride_b == 0 ? 0 : to.batch;
      const int row = to.row + rank * tuning::block_m;
      const unsigned bytes = tile_a::bytes_inside(row, p.m) + tile_b::bytes_inside(to.col, p.n);
      for (int k_tile = 0; k_tile < walk.k_tiles; ++k_tile) {
        unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        transaction_barrier& landed = full[at.stage];
        const int k = k_tile * tile_a::depth;
        empty[at.stage].wait(at.parity ^ 1);
        landed.arrive_and_expect(bytes);
        tile_a::request(stage, map_a, row, p.m, k, batch_a, landed);
        tile_b::template request_for_cluster<multicast_blocks>(stage + tile_a::bytes, map_b, to.col,
                                                               p.n, k, batch_b, landed, rank);
        at.advance();
      }
    }
  } else {
    grow_registers<232>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 < multicast_blocks) empty[stage].arrive_at(threadIdx.x % 32);
    };
    staging store(ring + tuning::stages * tuning::stage_bytes + warpgroup * staging::shared_bytes,
                  1 + warpgroup, by_engine ? &map_c : nullptr);
    warpgroup_products products;
    for (int tile = int(blockIdx.x) / multicast_blocks; tile < walk.tiles;
         tile += int(gridDim.x) / multicast_blocks) {
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
      const std::int64_t row = std::int64_t{to.row} + rank * tuning::block_m + warpgroup * 64;
      store.wait_until_free();
      products.wait<0>();
      if (walk.k_tiles > 0) release(previous);

      store.store(p, sum, row, to.col, to.batch);
    }
    store.drain();
  }
  cluster.sync();  // shared memory lasts while the other block writes to it or arrives there
#else
  __trap();
#endif
}

struct multicast {
  static constexpr rung_info info{.step = 9,
                                  .name = "multicast",
                                  .idea = "two blocks fetch the columns they share once",
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
    using tuning = persistent_default;
    if (p.is_empty()) return cudaSuccess;
    return detail::with_majors(p, [&]<operand_major MajorA, operand_major MajorB>() {
      using input = typename Problem::input;
      using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA>;
      using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
      using staging = detail::staged_store<tuning::block_n, Problem, tuning::staging_kib>;
      device_facts device;
      cudaError_t status = query_device(device);
      if (status != cudaSuccess) return status;

      multicast_walk<tuning> walk;
      status = detail::make_walk(walk, p, tile_a::depth);
      detail::operand_map map_a = {}, map_b = {};
      tensor_map map_c = {};
      if (status == cudaSuccess)
        status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      const bool by_engine = staging::can_engine(p);
      if (status == cudaSuccess && by_engine) status = staging::make_map(map_c, p);
      if (status != cudaSuccess) return status;
      const int clusters =
          std::min(walk.tiles, std::max(1, device.multiprocessors / multicast_blocks));
      return warpladder::launch_kernel(multicast_kernel<tuning, MajorA, MajorB, Problem>,
                                       {.grid = dim3(unsigned(clusters * multicast_blocks)),
                                        .block = dim3(tuning::threads),
                                        .shared_bytes = tuning::stages * tuning::stage_bytes +
                                                        tuning::consumers * staging::shared_bytes,
                                        .stream = stream,
                                        .cluster = multicast_blocks,
                                        .overlaps_kernel_before = true},
                                       p, walk, by_engine, map_a, map_b, map_c);
    });
  }
};

}  // namespace warpladder::gemm_tc
