// SPDX-License-Identifier: Apache-2.0
//
// Four neighbouring floats as one 16-byte access: what 06 vectorized teaches and the rungs above it
// use. Every address must be aligned to 16 bytes.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace warpladder::gemm::detail {

__host__ __device__ __forceinline__ float4& as_float4(float* four) {
  return *reinterpret_cast<float4*>(four);
}

__host__ __device__ __forceinline__ const float4& as_float4(const float* four) {
  return *reinterpret_cast<const float4*>(four);
}

/// store_scaled() of problem.hpp for four neighbours of a row of C.
__device__ __forceinline__ void store_scaled(float4& c, float4 sum, float alpha, float beta) {
  float4 result = {alpha * sum.x, alpha * sum.y, alpha * sum.z, alpha * sum.w};
  if (beta != 0) {
    const float4 old = c;
    result.x += beta * old.x;
    result.y += beta * old.y;
    result.z += beta * old.z;
    result.w += beta * old.w;
  }
  c = result;
}

__host__ __device__ inline bool is_float4_aligned(const float* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignof(float4) == 0;
}

}  // namespace warpladder::gemm::detail
