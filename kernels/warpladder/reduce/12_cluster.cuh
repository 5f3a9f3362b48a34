// SPDX-License-Identifier: Apache-2.0
//
// 12 cluster. Before: partials travelled through L2, and their readers learned of them by a counter
// in L2.
//
// Idea: for arrays that a few multiprocessors read fast enough, one cluster of up to 16 blocks
// (compute capability 9.0; 8 are portable, 16 are asked for). Its blocks write their partials into
// the shared memory of block 0 and meet at the cluster's barrier, which is hardware. One launch, no
// memset, no workspace, equal inputs give equal bits.
// Two barriers: nobody may write before block 0 has started, and block 0 may not read before all
// have written. The first is begun at once and finished behind the loads, which hide it.
// Latency: a remote store and a barrier, predicted 0.2 us each; before, two trips to L2 and back.
// Traffic: right for any n, but 16 of 132 multiprocessors read. 64 bytes per clock is the most that
// one gets from L2: 1.8 TB/s at 1.755 GHz. Their 16 * 1024 threads have 1 MB in flight, which at
// 600 ns gives the same 1.8 TB/s; all 132 read device memory at 3.0. So a megabyte takes 0.56 us
// here and 0.33 us there: what is saved at the end, about 1 us, is lost at 4.5 MB, 1.1 million
// floats (a prediction).
// Limited by: the bandwidth of 16 multiprocessors beyond that.
#pragma once

#include <cooperative_groups.h>

#include <bit>
#include <utility>
#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

struct cluster_tuning {
  // One block, said aloud: else ptxas makes room for two with 32 registers, and has no place to put
  // 4 vectors.
  static constexpr int threads = 1024, blocks_per_sm = 1;
  static constexpr int loads = 4;
  static constexpr int max_blocks = 16;
};

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    cluster_kernel(problem<T, Op> p) {
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  using accumulator = typename Op::accumulator;
  __shared__ accumulator partials[Tuning::max_blocks];  // block 0's are written
  const auto cluster = cooperative_groups::this_cluster();
  const int blocks = int(cluster.num_blocks()), rank = int(cluster.block_rank());

  auto started = cluster.barrier_arrive();
  const auto share = detail::combine_share<Tuning>(p);
  const auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  cluster.barrier_wait(std::move(started));
  if (threadIdx.x == 0) cluster.map_shared_rank(partials, 0)[rank] = total;
  cluster.sync();
  if (rank != 0 || threadIdx.x >= 32) return;

  const int lane = threadIdx.x;
  const auto of_block = lane < blocks ? partials[lane] : p.op.identity();
  const accumulator result = detail::reduce_warp(p.op, of_block);
  if (lane == 0) *p.out = p.op.finish(result);
#else
  __trap();
#endif
}

struct cluster {
  static constexpr rung_info info{12, "cluster", "one cluster, partials in shared memory", 90};
  using tuning = cluster_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>&) {
    return 0;
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream, workspace_view) {
    const auto kernel = cluster_kernel<T, Op, tuning>;
    const cudaError_t status = cudaFuncSetAttribute(
        reinterpret_cast<const void*>(kernel), cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    if (status != cudaSuccess) return status;

    // A vector for every thread, before there is a second block.
    const std::int64_t useful =
        ceil_div<std::int64_t>(p.n, tuning::threads * detail::aligned_middle<T>::width);
    const unsigned blocks =
        std::bit_ceil(unsigned(std::clamp<std::int64_t>(useful, 1, tuning::max_blocks)));
    return warpladder::launch_kernel(
        kernel,
        {.grid = dim3(blocks), .block = dim3(tuning::threads), .stream = stream, .cluster = blocks},
        p);
  }
};

}  // namespace warpladder::reduce
