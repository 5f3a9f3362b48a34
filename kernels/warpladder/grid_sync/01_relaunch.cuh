// SPDX-License-Identifier: Apache-2.0
//
// 01 relaunch. The barrier that every CUDA program has: the end of a kernel. All of a kernel's
// writes are visible to the next one in the stream, which starts when all blocks have ended.
//
// Idea: one kernel per round. No block waits for another, so the grid may be larger than the
// device, and nothing can deadlock. What blocks held in registers and shared memory is lost.
// Latency: the device drains, a front end passes the next launch on, blocks are distributed,
// constants and instructions fetched: predicted 1.5 to 2 us per round where the queue is never
// empty. The host needs about 2 us to enqueue a launch, so it is the one that limits a stream of
// such kernels. Captured into a graph and replayed, which the benchmark does with this same rung,
// nobody waits for it: predicted 1.3 us.
// Limited by: the host in a stream, start and end of a kernel in a graph.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

/// What stands between two barriers: the end of round `next - 1` and the beginning of round `next`.
static __global__ void __launch_bounds__(1024) relaunch_kernel(problem p, std::uint32_t next) {
  if (next > 0) detail::report(p, detail::count_wrong(p, next - 1));
  if (next < p.rounds) detail::write_token(p, next);
}

struct relaunch {
  static constexpr rung_info info{1, "relaunch", "end the kernel and launch the next"};

  static support supports(const problem&) { return {}; }

  static std::size_t workspace_bytes(const problem&) { return 0; }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view) {
    cudaError_t status = cudaSuccess;
    for (std::uint32_t next = 0; next <= p.rounds && status == cudaSuccess; ++next) {
      status = launch_kernel(relaunch_kernel,
                             {.grid = dim3(p.blocks), .block = dim3(p.threads), .stream = stream},
                             p, next);
    }
    return status;
  }
};

}  // namespace warpladder::grid_sync
