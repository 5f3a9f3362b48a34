// SPDX-License-Identifier: Apache-2.0
#include <warpladder/core/launch.cuh>
#include <warpladder/core/spin.cuh>

#include "support/gate.hpp"
#include "transfer_test_kernels.hpp"

namespace warpladder::test {
namespace {

__global__ void wait_until_open_kernel(const volatile int* open) {
  while (*open == 0) pause_between_polls();
}

__global__ void copy_kernel(unsigned char* to, const unsigned char* from, std::size_t bytes) {
  for (std::size_t i = threadIdx.x; i < bytes; i += blockDim.x) to[i] = from[i];
}

}  // namespace

cudaError_t wait_until_open(const volatile int* open, cudaStream_t stream) {
  // A kernel is loaded when it is first needed, which may wait for all that run: not behind a gate.
  cudaFuncAttributes attributes{};
  const cudaError_t loaded = cudaFuncGetAttributes(&attributes, copy_kernel);
  if (loaded != cudaSuccess) return loaded;
  return launch_kernel(wait_until_open_kernel,
                       {.grid = dim3(1), .block = dim3(1), .stream = stream}, open);
}

cudaError_t copy_by_kernel(unsigned char* to, const unsigned char* from, std::size_t bytes,
                           cudaStream_t stream) {
  return launch_kernel(copy_kernel, {.grid = dim3(1), .block = dim3(64), .stream = stream}, to,
                       from, bytes);
}

}  // namespace warpladder::test
