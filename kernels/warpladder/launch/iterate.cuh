// SPDX-License-Identifier: Apache-2.0
//
// iterate: 256 times x <- x * x + c, bound by multiply-adds: 512 flops per 4 bytes written,
// nothing read.
//
// A multiply-add has its result after 4 clocks, and a scheduler starts one warp's per clock. So
// one chain per thread needs 4 warps per scheduler, 16 of 64 per multiprocessor: occupancy 25%.
// Four chains per thread need one warp per scheduler, 6%. More occupancy than that buys nothing,
// which is Volkov's point ("Better Performance at Lower Occupancy", GTC 2010).
//
// Predicted: 2^26 elements are 2^34 multiply-adds, 0.52 ms at 33 T/s, whatever the block is. 2^14
// elements are 124 threads per multiprocessor: 256 steps of 4 clocks, 0.6 us, if they are spread;
// in blocks of 1024 they are 16 multiprocessors with 32 warps each, twice as long.
//
// Work per thread: no gain while there are threads enough; with 128 threads per multiprocessor,
// Items 4 is the first at full rate. It loses where n / Items no longer fills the chip.
#pragma once

#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

struct iterate_problem {
  std::int64_t n;
  float* out;
};

inline constexpr int iterate_steps = 256;
inline constexpr int iterate_constants = 4096;  ///< elements so far apart are equal

/// The c of an element: between -2 and 0.25, where x stays between -2 and 2.
__host__ __device__ __forceinline__ float iterate_constant(std::int64_t element) {
  return float(element % iterate_constants) * (2.25f / iterate_constants) - 2.0f;
}

template <int Items>
__global__ void iterate_kernel(iterate_problem p) {
  detail::for_each_tile<Items>(p.n, [&](std::int64_t first) {
    float x[Items], c[Items];
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      x[k] = 0;
      c[k] = iterate_constant(first + k * blockDim.x);
    }
#pragma unroll(128 / Items)  // what the loop itself costs is below 3%
    for (int step = 0; step < iterate_steps; ++step) {
#pragma unroll
      for (int k = 0; k < Items; ++k) x[k] = __fmaf_rn(x[k], x[k], c[k]);
    }
#pragma unroll
    for (int k = 0; k < Items; ++k) {
      if (first + k * blockDim.x < p.n) p.out[first + k * blockDim.x] = x[k];
    }
  });
}

template <int Items>
shipped<iterate_problem> iterate() {
  return {"iterate", "multiply-adds", iterate_kernel<Items>, {.items = Items}};
}

}  // namespace warpladder::launch
