// SPDX-License-Identifier: Apache-2.0
//
// 08 tuned. Before: 07 moves long arrays at the speed of device memory, but begins with a barrier
// of the whole grid, needs a workspace, and a device with an engine and 197 KiB of shared memory.
//
// Idea: choose by length. What 8 blocks hold in registers is scanned by one cluster: the blocks
// tell each other their sums through distributed shared memory, whose barrier joins 8 neighbours
// and not the grid. A block's worth is scanned by one block, on any device. Both are one launch
// without workspace. Longer arrays: 07, or 05 where 07 cannot run, which like 07 adds in a fixed
// order; 06 is faster than 05, but not the same from run to run.
// Latency: launch, load, two barriers, store. A block loads and stores 64 KiB of float at the most,
// 0.6 us each at 64 bytes per clock.
// Limited by: latency up to a few 100,000 elements; then by device memory.
#pragma once

#include <cooperative_groups.h>

#include <cstdint>
#include <utility>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/04_block_scan.cuh>
#include <warpladder/scan/05_three_kernels.cuh>
#include <warpladder/scan/07_rounds.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

/// Large accumulators, and many in a vector, take a quarter of the threads, for their registers.
template <class T, class Op>
struct tuned_tuning {
  static constexpr int warps =
      sizeof(typename Op::accumulator) <= 4 && detail::lane_vector<T, Op>() <= 4 ? 32 : 8;
  static constexpr int row = warps * detail::warp_tile<T, Op, 1>::elements;  ///< of a block
  static constexpr int rows_alone = 2;  ///< up to which one block does it alone
  static constexpr int most_rows = 4;
  static constexpr int blocks = 8;  ///< the largest cluster that every device with clusters starts
};

/// A grid of one cluster, or of one block.
template <int Rows, class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::warps * 32) cluster_scan_kernel(problem<T, Op> p) {
  using accumulator = typename Op::accumulator;
  __shared__ accumulator warp_sums[Tuning::warps];
  __shared__ accumulator block_sums[Tuning::blocks];
  const int warp = threadIdx.x / 32, rank = blockIdx.x;
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  const auto cluster = cooperative_groups::this_cluster();
  auto started = cluster.barrier_arrive();
#endif

  detail::warp_tile<T, Op, Rows> mine;
  const std::int64_t begin = (std::int64_t{rank} * Tuning::warps + warp) * mine.elements;
  mine.load(p, begin);
  const accumulator sum = detail::scan_warp(p.op, p.what, mine);
  if (threadIdx.x % 32 == 0) warp_sums[warp] = sum;
  __syncthreads();
  const auto block = detail::combine_warps(p.op, warp_sums);

  accumulator before = p.initial;
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  cluster.barrier_wait(std::move(started));  // the others' shared memory exists
  if (threadIdx.x < gridDim.x)
    cluster.map_shared_rank(block_sums, int(threadIdx.x))[rank] = block.all;
  cluster.sync();
  for (int other = 0; other < rank; ++other) before = p.op.combine(before, block_sums[other]);
#endif
  before = p.op.combine(before, block.before);
  mine.store(p.out, begin, p.n,
             [&](const accumulator& own) { return p.op.finish(p.op.combine(before, own)); });
}

struct tuned {
  static constexpr rung_info info{8, "tuned", "one cluster for short arrays, rounds for long ones"};
  template <class T, class Op>
  using tuning = tuned_tuning<T, Op>;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    switch (choose(p)) {
      case method::rounds:
        return rounds::workspace_bytes(p);
      case method::three_kernels:
        return three_kernels::workspace_bytes(p);
      default:
        return 0;
    }
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream, workspace_view scratch) {
    if (p.n == 0) return cudaSuccess;
    switch (choose(p)) {
      case method::rounds:
        return rounds::launch(p, stream, scratch);
      case method::three_kernels:
        return three_kernels::launch(p, stream, scratch);
      default:
        break;
    }
    using own = tuning<T, Op>;
    const std::int64_t rows = ceil_div<std::int64_t>(p.n, own::row);
    if (rows <= 1) return launch_cluster<own, 1>(p, 1, stream);
    if (rows <= own::rows_alone) return launch_cluster<own, own::rows_alone>(p, 1, stream);
    if (rows <= own::blocks) return launch_cluster<own, 1>(p, rows <= 4 ? 4 : 8, stream);
    if (rows <= 2 * own::blocks) return launch_cluster<own, 2>(p, own::blocks, stream);
    return launch_cluster<own, own::most_rows>(p, own::blocks, stream);
  }

  /// The whole array as one cluster of so many blocks (1, 2, 4 or 8) with so many rows per warp.
  template <class Tuning, int Rows, class T, class Op>
  static cudaError_t launch_cluster(const problem<T, Op>& p, int blocks, cudaStream_t stream) {
    return warpladder::launch(cluster_scan_kernel<Rows, T, Op, Tuning>,
                              {.grid = dim3(unsigned(blocks)),
                               .block = dim3(32 * Tuning::warps),
                               .stream = stream,
                               .cluster = unsigned(blocks)},
                              p);
  }

 private:
  enum class method { one_block, cluster, rounds, three_kernels };

  template <class T, class Op>
  static method choose(const problem<T, Op>& p) {
    using own = tuning<T, Op>;
    if (p.n <= own::rows_alone * own::row) return method::one_block;
    int device = 0, major = 0;
    const bool has_clusters =
        cudaGetDevice(&device) == cudaSuccess &&
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
        major >= 9;
    if (has_clusters && p.n <= own::blocks * own::most_rows * own::row) return method::cluster;
    return has_clusters && rounds::fits(p) ? method::rounds : method::three_kernels;
  }
};

}  // namespace warpladder::scan
