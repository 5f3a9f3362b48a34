// SPDX-License-Identifier: Apache-2.0
//
// 11 cooperative. Before: a counter in the workspace had to be cleared in front of the kernel, a
// piece of work of its own in the stream.
//
// Idea: a cooperative launch. All blocks are resident at once, or the launch is refused; so they
// can meet at a barrier of the whole grid, whose counter the driver keeps. Every block stores its
// partial, all meet, block 0 combines. One kernel, no memset, equal inputs give equal bits. CUDA
// C++ Programming Guide, "Grid Synchronization".
// Latency: the barrier is an atomic per block on one address and a wait for the last: about what 09
// pays for its ticket, predicted 1 to 2 us with 264 blocks. All but block 0 need not be told, and
// still wait, as the barrier has no other form.
// Price: a cooperative launch waits until the device is empty enough for all of its blocks, and
// nothing else can take their place meanwhile.
// Limited by: the barrier, for small n; there a grid is more than the work needs -> 12 cluster.
#pragma once

#include <cooperative_groups.h>

#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    cooperative_kernel(problem<T, Op> p, typename Op::accumulator* partials) {
  const auto share = detail::combine_share<Tuning>(p);
  auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  if (gridDim.x > 1) {
    if (threadIdx.x == 0) partials[blockIdx.x] = total;
    cooperative_groups::this_grid().sync();
    if (blockIdx.x != 0) return;
    total = detail::combine_partials<Tuning::threads>(p.op, partials, static_cast<int>(gridDim.x));
  }
  if (threadIdx.x == 0) *p.out = p.op.finish(total);
}

struct cooperative {
  static constexpr rung_info info{11, "cooperative", "one kernel, a barrier of the grid"};
  using tuning = loads_in_flight_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::workspace_of_partials<tuning>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    int blocks = 0;
    const cudaError_t status = detail::choose_blocks<tuning>(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    return warpladder::launch_kernel(cooperative_kernel<T, Op, tuning>,
                                     {.grid = dim3(unsigned(blocks)),
                                      .block = dim3(tuning::threads),
                                      .stream = stream,
                                      .cooperative = true},
                                     p, static_cast<typename Op::accumulator*>(workspace.data));
  }
};

}  // namespace warpladder::reduce
