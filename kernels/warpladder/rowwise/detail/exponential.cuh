// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cfloat>

namespace warpladder::rowwise::detail {

/// Where a running maximum begins. Not -infinity: exp(-infinity - -infinity) would be NaN for rows
/// that begin with -infinity. A row of nothing else has the sum 0 then, and 0 / 0 is NaN.
inline constexpr float below_all = -FLT_MAX;

/// e^x for x <= 0, by the one exponential that the hardware has, 2^x. With u = 2^-24: the factor is
/// off by 0.23 u, the product is rounded, and exp2f is within 2 ulp: relative error 1.3 u |x| + 4
/// u, and at most 2^-147 where the result is subnormal.
__device__ __forceinline__ float exponential(float x) {
  constexpr float log2_e = 1.44269504f;
  return exp2f(x * log2_e);
}

}  // namespace warpladder::rowwise::detail
