// SPDX-License-Identifier: Apache-2.0
//
// 07 release_acquire. Before: 03 fences more than it needs, and its atomic gives an answer that
// nobody reads; 04 to 06 put one more wait into the chain and got slower.
//
// Idea: say what is meant. The arrival is a reduction with release (red.release): what the block
// wrote comes before it, and no answer is sent. The poll is a load with acquire (ld.acquire): what
// follows comes after it. No other fence. PTX ISA, "Memory Consistency Model".
// Latency: release still waits for the acknowledgement of earlier writes, a round trip. Then half
// a round trip for the last arrival, and on average one and a half half ones for the poll that sees
// it: predicted 0.9 to 1 us at 132 blocks, and below grid.sync() for the first time.
// Limited by: acquire. A load with acquire empties the multiprocessor's L1 each time, and all polls
// stand in the queue in which the last arrivals are -> 08 patient.
#pragma once

#include <warpladder/core/memory_order.cuh>
#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024)
    release_acquire_kernel(problem p, unsigned* arrivals) {
  detail::run_rounds(p, [&](std::uint32_t round) {
    __syncthreads();
    if (threadIdx.x == 0) {
      add_release(arrivals, 1);
      const unsigned all = (round + 1) * gridDim.x;
      while (int(load_acquire(arrivals) - all) < 0) pause_between_polls();
    }
    __syncthreads();
  });
}

struct release_acquire {
  static constexpr rung_info info{7, "release_acquire", "no fence more than needed, no answer"};

  static support supports(const problem& p) { return detail::fits(release_acquire_kernel, p); }

  static std::size_t workspace_bytes(const problem&) { return sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(release_acquire_kernel, p, stream, workspace, 1);
  }
};

}  // namespace warpladder::grid_sync
