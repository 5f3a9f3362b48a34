// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

// What a thread does while it waits for another block. Waiting for a block that is not resident
// never ends: a kernel that does so is launched with launch_config::cooperative.

namespace warpladder {

/// In every turn of a loop that polls. Nothing on a GPU, whose blocks all run; on the host it lets
/// the other threads run, without which they never would.
__device__ __forceinline__ void pause_between_polls() {
#ifdef WARPLADDER_HOST_EXECUTOR
  __nanosleep(0);
#endif
}

/// Returns about `clocks` of the multiprocessor later: finer than __nanosleep, which may take
/// twice its argument.
__device__ __forceinline__ void wait_clocks(unsigned clocks) {
#ifdef WARPLADDER_HOST_EXECUTOR
  if (clocks > 0) __nanosleep(clocks);
#else
  const unsigned begin = unsigned(clock());
  while (unsigned(clock()) - begin < clocks) {
  }
#endif
}

}  // namespace warpladder
