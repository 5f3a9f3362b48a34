// SPDX-License-Identifier: Apache-2.0
//
// 06 cluster_arrival. Before: the lower level of the tree goes through L2, too.
//
// Idea: let hardware do the lower level. The blocks of a cluster (compute capability 9.0) meet at
// the cluster's own barrier, then one of them arrives for all. Half of the arrivals with clusters
// of two, and no round trip to L2 for the lower level.
// Latency: the cluster's barrier in front of the way to L2. It replaces one of the
// __syncthreads(), and has to tell the other multiprocessor: predicted 0.2 us more than 07, of
// which fewer arrivals give little back, as 132 of them take 0.08 us.
// Price: the grid is a multiple of the cluster, and fewer blocks may fit.
// Limited by: two barriers in a row -> 07 release_acquire: one, and nothing but what it needs.
#pragma once

#include <cooperative_groups.h>

#include <warpladder/core/memory_order.cuh>
#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

struct cluster_arrival_tuning {
  static constexpr unsigned cluster = 2;
};

template <class Tuning>
__global__ void __launch_bounds__(1024) cluster_arrival_kernel(problem p, unsigned* arrivals) {
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  const auto cluster = ::cooperative_groups::this_cluster();
  detail::run_rounds(p, [&](std::uint32_t round) {
    cluster.sync();
    if (threadIdx.x == 0) {
      if (cluster.block_rank() == 0) add_release(arrivals, 1);
      const unsigned all = (round + 1) * (gridDim.x / Tuning::cluster);
      while (int(load_acquire(arrivals) - all) < 0) pause_between_polls();
    }
    __syncthreads();
  });
#else
  __trap();
#endif
}

struct cluster_arrival {
  static constexpr rung_info info{6, "cluster_arrival", "clusters meet, one arrives for them", 90};
  using tuning = cluster_arrival_tuning;

  static support supports(const problem& p) {
    if (p.blocks % tuning::cluster != 0) return {"the grid is made of clusters of 2 blocks"};
    return detail::fits(cluster_arrival_kernel<tuning>, p, tuning::cluster);
  }

  static std::size_t workspace_bytes(const problem&) { return sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(cluster_arrival_kernel<tuning>, p, stream, workspace, 1,
                                 tuning::cluster);
  }
};

}  // namespace warpladder::grid_sync
