// SPDX-License-Identifier: Apache-2.0
//
// 16 cluster_split_k. Before: split_k pays a second launch and a trip through L2 to add its parts.
//
// Idea: the blocks that share a tile of C form a thread block cluster (compute capability 9.0): the
// hardware starts them together on neighbouring multiprocessors, and each reads the others' shared
// memory directly. Every block leaves its partial tile in its own shared memory, the cluster meets
// at a barrier, and block r adds the r-th share of the tile over all blocks in their order. One
// launch, no workspace, equal inputs give equal bits.
//
// Latency: two cluster barriers and one read of a neighbour's shared memory, about 0.2 us each,
// against 0.8 us and a trip to L2 and back for a second kernel. 256 x 256 x 256 in tiles of
// 32 x 32: 64 tiles; by 2 blocks each, 128 of 132 multiprocessors work on 128 steps of k.
// Limited by: the portable cluster size of 8, so at most 8 * tiles blocks; beyond that, 15.
#pragma once

#include <cooperative_groups.h>

#include <warpladder/gemm/15_split_k.cuh>

namespace warpladder::gemm {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks)
    cluster_split_k_kernel(problem<float> p, slice_k_wide wide) {
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  const auto cluster = cooperative_groups::this_cluster();
  const int blocks = int(cluster.num_blocks()), rank = int(cluster.block_rank());
  const std::int64_t row0 = std::int64_t(blockIdx.y) * Tuning::tile_m;
  const std::int64_t column0 = std::int64_t(blockIdx.x / unsigned(blocks)) * Tuning::tile_n;
  const k_piece piece(p.depth(), blocks, rank);

  // The sum of the slices takes the place of slice 0, which only the same thread reads.
  float* shared = dynamic_shared<float>();
  slice_k_tile<Tuning>(
      p, wide, row0, column0, piece.begin, piece.end, shared,
      [&](int row, int column, float sum) { shared[row * Tuning::tile_n + column] = sum; });
  cluster.sync();
  for (int place = rank * Tuning::threads + int(threadIdx.x);
       place < Tuning::tile_m * Tuning::tile_n; place += blocks * Tuning::threads) {
    float sum = 0;
#pragma unroll 8
    for (int block = 0; block < blocks; ++block)
      sum += cluster.map_shared_rank(shared, block)[place];
    const std::int64_t row = row0 + place / Tuning::tile_n,
                       column = column0 + place % Tuning::tile_n;
    if (row < p.m && column < p.n) store_scaled(&p.c[row * p.ldc + column], sum, p.alpha, p.beta);
  }
  cluster.sync();  // nobody leaves while a neighbour still reads its shared memory
#else
  __trap();
#endif
}

struct cluster_split_k {
  static constexpr rung_info info{.step = 16,
                                  .name = "cluster_split_k",
                                  .idea = "split k, added through distributed shared memory",
                                  .min_compute_capability = 90};
  using tuning = slice_k_tuning<32, 32, 8, 4, 8, 64, 3>;
  static constexpr int max_splits = 8;  // what every device with clusters can schedule

  static support supports(const problem<float>& p) {
    if (ceil_div<std::int64_t>(p.n, tuning::tile_n) >
        std::numeric_limits<std::int32_t>::max() / max_splits)
      return {"n exceeds grid.x"};
    return slice_k::supports(p);
  }

  static std::size_t workspace_bytes(const problem<float>&) { return 0; }

  template <class Tuning = tuning>
  static int splits(const problem<float>& p) {
    if (p.is_empty()) return 1;
    const std::int64_t tiles =
        ceil_div<std::int64_t>(p.m, Tuning::tile_m) * ceil_div<std::int64_t>(p.n, Tuning::tile_n);
    return choose_splits<Tuning>(tiles, p.depth(), max_splits, 1000);
  }

  template <class Tuning = tuning>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream, int count) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 grid(ceil_div<std::int64_t>(p.n, Tuning::tile_n) * count,
                    ceil_div<std::int64_t>(p.m, Tuning::tile_m));
    const int longest = round_up(ceil_div(p.depth(), count), 8);
    return warpladder::launch_kernel(cluster_split_k_kernel<Tuning>,
                                     {.grid = grid,
                                      .block = dim3(Tuning::threads),
                                      .shared_bytes = slice_k_shared_bytes<Tuning>(longest),
                                      .stream = stream,
                                      .cluster = unsigned(count)},
                                     p, slice_k_choose_wide(p));
  }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned(p, stream, splits(p));
  }
};

}  // namespace warpladder::gemm
