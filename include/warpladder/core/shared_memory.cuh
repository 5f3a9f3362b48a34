// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>
#ifdef WARPLADDER_HOST_EXECUTOR
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

}  // namespace warpladder
