// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <cstring>
#include <simt/simt.hpp>
#endif

namespace warpladder {

/// The block's dynamic shared memory, aligned to 1024 bytes. `extern __shared__` arrays of one name
/// must have one type in all of a program, and the host executor has no linker-made array: hence
/// this one function.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef WARPLADDER_HOST_EXECUTOR
  return static_cast<T*>(simt::dynamic_shared());
#else
  extern __shared__ __align__(1024) unsigned char warpladder_dynamic_shared[];
  return reinterpret_cast<T*>(warpladder_dynamic_shared);
#endif
}

/// Says that `bytes` of shared memory may be read before anybody writes them, because nothing that
/// is stored depends on what is read. No instruction on a device; the host executor, which reports
/// such reads otherwise, puts NaNs there, so that tests see it if something does depend on them.
/// Called by one thread, before a barrier of the block.
__device__ __forceinline__ void allow_any_values([[maybe_unused]] void* shared,
                                                 [[maybe_unused]] unsigned bytes) {
#ifdef WARPLADDER_HOST_EXECUTOR
  [](void* to, unsigned size) SIMT_UNTRACED { std::memset(to, 0xff, size); }(shared, bytes);
  simt::trace::note_landed(shared, bytes);
#endif
}

}  // namespace warpladder
