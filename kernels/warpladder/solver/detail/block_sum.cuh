// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace warpladder::solver::detail {

/// The sum over a block of whole warps, added in an order that depends on their number alone; every
/// thread gets it. `of_warp` are 32 floats of shared memory that nothing else uses.
__device__ __forceinline__ float block_sum(float value, float* of_warp) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  __syncthreads();  // the sums of the call before have been read
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  value = lane < warps ? of_warp[lane] : 0;
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
}

/// The same of `count` numbers in global memory, which other blocks may have written in this
/// kernel: from L2.
__device__ __forceinline__ float block_sum(const float* numbers, int count, float* of_warp) {
  float sum = 0;
  for (int i = threadIdx.x; i < count; i += int(blockDim.x)) sum += __ldcg(numbers + i);
  return block_sum(sum, of_warp);
}

/// The quotients of the conjugate gradient method: 0 where there is nothing left to divide, so that
/// b = 0, or a system that is solved, stays as it is. NaN is not 0.
__device__ __forceinline__ float step_length(float numerator, float denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace warpladder::solver::detail
