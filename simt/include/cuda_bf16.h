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

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {x, y};
}
inline __nv_bfloat162 __float22bfloat162_rn(float2 values) {
  return {values.x, values.y};
}
inline float2 __bfloat1622float2(__nv_bfloat162 values) {
  return {values.x, values.y};
}
