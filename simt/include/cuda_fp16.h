// SPDX-License-Identifier: Apache-2.0
// __half, as far as kernels use it.
#pragma once

#include "cuda_runtime.h"
#include "simt/small_floats.hpp"

using __half = simt::detail::small_float<10>;
using half = __half;

inline __half __float2half(float value) {
  return value;
}
inline __half __float2half_rn(float value) {
  return value;
}
inline float __half2float(__half value) {
  return value;
}

struct alignas(4) __half2 {
  __half x, y;
};
using half2 = __half2;

inline __half2 __floats2half2_rn(float x, float y) {
  return {x, y};
}
inline __half2 __float22half2_rn(float2 values) {
  return {values.x, values.y};
}
inline float2 __half22float2(__half2 values) {
  return {values.x, values.y};
}
