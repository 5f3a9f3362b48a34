// SPDX-License-Identifier: Apache-2.0
//
// triad: a = b + s * c, bound by device memory (after STREAM, J. McCalpin 1995).
//
// Traffic: 12 bytes per element for two flops. By Little's law 3.35 TB/s at 600 ns need 2 MB in
// flight, 15 KB on each of 132 multiprocessors, and twice that to be safe from gaps. One float per
// thread has 8 bytes in flight: 2048 resident threads, 16 KB, and no thread to spare. Four float4
// have 128 bytes: 256 threads, an eighth of the multiprocessor, have 32 KB.
// Predicted: with one float per thread every lost warp costs; with four float4 nothing matters but
// blocks of 32, of which 32 are resident at most, and the start of a block.
// Work per thread: 1 to 8 floats win, then the registers of 2 * Items loads take threads away as
// fast as Items adds loads, and the tile of a small n leaves multiprocessors empty.
#pragma once

#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

/// `n` vectors, float or float4. No array overlaps another.
template <class Vector>
struct triad_problem {
  std::int64_t n;
  float s;
  const Vector* b;
  const Vector* c;
  Vector* a;
};

namespace detail {

__device__ __forceinline__ float scaled_sum(float b, float s, float c) {
  return __fmaf_rn(s, c, b);
}
__device__ __forceinline__ float4 scaled_sum(float4 b, float s, float4 c) {
  return make_float4(scaled_sum(b.x, s, c.x), scaled_sum(b.y, s, c.y), scaled_sum(b.z, s, c.z),
                     scaled_sum(b.w, s, c.w));
}

}  // namespace detail

template <class Vector, int Items>
__global__ void triad_kernel(triad_problem<Vector> p) {
  detail::for_each_tile<Items>(p.n, [&](std::int64_t first) {
    Vector b[Items], c[Items];
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t at = first + k * blockDim.x;
      if (at < p.n) b[k] = p.b[at], c[k] = p.c[at];
    }
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      const std::int64_t at = first + k * blockDim.x;
      if (at < p.n) {
        const Vector sum = detail::scaled_sum(b[k], p.s, c[k]);
        p.a[at] = sum;
      }
    }
  });
}

template <class Vector, int Items>
shipped<triad_problem<Vector>> triad() {
  return {sizeof(Vector) == 16 ? "triad_float4" : "triad",
          "device memory",
          triad_kernel<Vector, Items>,
          {.items = Items}};
}

}  // namespace warpladder::launch
