// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#ifdef WARPLADDER_HOST_EXECUTOR
#include <chrono>
#endif

namespace warpladder {

/// Nanoseconds of a clock that all multiprocessors share. It starts anywhere, goes in steps (32 ns
/// on an H100, up to a microsecond on others) and drifts against the host's.
__device__ __forceinline__ unsigned long long device_nanoseconds() {
#ifdef WARPLADDER_HOST_EXECUTOR
  return static_cast<unsigned long long>(std::chrono::steady_clock::now().time_since_epoch() /
                                         std::chrono::nanoseconds(1));
#else
  unsigned long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)::"memory");
  return now;
#endif
}

}  // namespace warpladder
