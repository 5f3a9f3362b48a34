// SPDX-License-Identifier: Apache-2.0
//
// 02 dependent_launch. Before: a kernel is set up only after the one before it has ended.
//
// Idea: programmatic dependent launch. Every block says at once that the next kernel may be set up;
// that one's blocks take the free places of the multiprocessors, and wait in hardware until the
// kernel before has ended and its writes are visible. CUDA C++ Programming Guide, "Programmatic
// Dependent Launch and Synchronization".
// Latency: distribution of blocks and their first instructions overlap the kernel before; its end
// and the news of it remain: predicted 1 us in a graph, and no gain where the host limits.
// Price: two kernels share a multiprocessor, so each has half of the registers and shared memory,
// or they do not overlap. What a kernel does before the wait must not touch memory of the one
// before.
// Limited by: the end of a kernel is noticed by the front end of the device, not by its neighbours.
// Blocks that stay and tell each other are to be faster -> 03 atomic_counter.
#pragma once

#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024)
    dependent_launch_kernel(problem p, std::uint32_t next) {
  let_next_kernel_start();
  wait_for_kernels_before();
  if (next > 0) detail::report(p, detail::count_wrong(p, next - 1));
  if (next < p.rounds) detail::write_token(p, next);
}

struct dependent_launch {
  static constexpr rung_info info{2, "dependent_launch", "the next kernel is set up meanwhile", 90};

  static support supports(const problem&) { return {}; }

  static std::size_t workspace_bytes(const problem&) { return 0; }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view) {
    cudaError_t status = cudaSuccess;
    for (std::uint32_t next = 0; next <= p.rounds && status == cudaSuccess; ++next) {
      status = launch_kernel(dependent_launch_kernel,
                             {.grid = dim3(p.blocks),
                              .block = dim3(p.threads),
                              .stream = stream,
                              .overlaps_kernel_before = next > 0},
                             p, next);
    }
    return status;
  }
};

}  // namespace warpladder::grid_sync
