// SPDX-License-Identifier: Apache-2.0
//
// 03 atomic_counter. Before: a round is a kernel, and what blocks know is lost between rounds.
//
// Idea: the blocks stay and count themselves. One thread per block adds 1 to a counter in device
// memory and looks at it until all have. The counter is never reset: the round says how far it has
// to be, and differences survive its overflow. __threadfence() before the atomic keeps writes from
// being seen late, the one after the polling keeps reads from being early; __syncthreads() on both
// sides, as one thread speaks for its block. Volatile, or the compiler would look once.
// Latency: the fence waits for the writes of the thread, a round trip to L2, and so does a poll
// that sees the last arrival; with the way of the arrival itself, three half to whole round trips
// of 270 ns. But __threadfence() is a fence for everything in both directions, stronger than
// needed: predicted slower than grid.sync(), 1.3 us.
// New duty: whoever waits must not keep others from coming. All blocks have to be resident, which a
// cooperative launch makes sure of; tests/caught/grid_barriers.cuh has what people get wrong.
// Limited by: polls. Each of 132 pollers asks L2 every 300 ns, at the address that the arrivals
// have to reach -> 04 to 06 spread the arrivals, 07 and 08 make both cheaper.
#pragma once

#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024)
    atomic_counter_kernel(problem p, unsigned* arrivals) {
  detail::run_rounds(p, [&](std::uint32_t round) {
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(arrivals, 1);
      const unsigned all = (round + 1) * gridDim.x;
      while (int(*static_cast<volatile unsigned*>(arrivals) - all) < 0) pause_between_polls();
      __threadfence();
    }
    __syncthreads();
  });
}

struct atomic_counter {
  static constexpr rung_info info{3, "atomic_counter", "blocks stay, an atomic counts them"};

  static support supports(const problem& p) { return detail::fits(atomic_counter_kernel, p); }

  static std::size_t workspace_bytes(const problem&) { return sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(atomic_counter_kernel, p, stream, workspace, 1);
  }
};

}  // namespace warpladder::grid_sync
