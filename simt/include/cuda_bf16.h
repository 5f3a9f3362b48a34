// SPDX-License-Identifier: Apache-2.0
// __nv_bfloat16, as far as kernels use it.
#pragma once

#include "cuda_runtime.h"
#include "simt/small_floats.hpp"

using __nv_bfloat16 = simt::detail::small_float<7>;

inline __nv_bfloat16 __float2bfloat16(float value) {
  return value;
}
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  return value;
}
inline float __bfloat162float(__nv_bfloat16 value) {
  return value;
}
