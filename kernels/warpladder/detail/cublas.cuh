// SPDX-License-Identifier: Apache-2.0
//
// What the rungs 00 share that call cuBLAS. The only file that includes it.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

namespace warpladder::detail {

/// One handle per host thread, device and process, made on first use: creating one takes
/// milliseconds and synchronises, which is why it must not sit inside a timed or captured region.
/// Its own workspace is 32 MiB on Hopper; cuBLAS may use all of it.
inline cublasHandle_t cublas_handle() {
  struct owner {
    cublasHandle_t handle = nullptr;
    int device = -1;
    ~owner() {
      if (handle != nullptr) cublasDestroy(handle);
    }
  };
  thread_local owner own;
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return nullptr;
  if (own.device != device) {
    if (own.handle != nullptr) cublasDestroy(own.handle);
    own = {};
    if (cublasCreate(&own.handle) != CUBLAS_STATUS_SUCCESS) own.handle = nullptr;
    own.device = device;
  }
  return own.handle;
}

inline cudaError_t to_cuda_error(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return cudaSuccess;
    case CUBLAS_STATUS_ALLOC_FAILED:
      return cudaErrorMemoryAllocation;
    case CUBLAS_STATUS_INVALID_VALUE:
      return cudaErrorInvalidValue;
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return cudaErrorNotSupported;
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return cudaErrorInitializationError;
    default:
      return cudaErrorUnknown;
  }
}

}  // namespace warpladder::detail
