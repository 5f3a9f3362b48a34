// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace warpladder {

/// Smallest q with q * divisor >= value, for value >= 0 and divisor > 0.
template <class Integer>
__host__ __device__ constexpr Integer ceil_div(Integer value, Integer divisor) {
  return value / divisor + (value % divisor != 0);
}

/// Smallest multiple of `multiple` that is >= value.
template <class Integer>
__host__ __device__ constexpr Integer round_up(Integer value, Integer multiple) {
  return ceil_div(value, multiple) * multiple;
}

}  // namespace warpladder
