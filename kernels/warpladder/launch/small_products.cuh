// SPDX-License-Identifier: Apache-2.0
//
// small_products: many products of 8 x 8 matrices, bound by registers: with Rows = 8 a thread keeps
// a whole product, 64 sums and its operands. Left alone, the compiler starts all 128 loads before
// the first multiply-add, which takes 237 registers.
//
// Element (r, c) of all matrices lies together, so neighbouring lanes, which take neighbouring
// products, read neighbouring floats. Traffic: 768 bytes per product for 1024 flops; device memory
// decides: 2^18 products are 201 MB, 67 us at 3 TB/s. 237 registers leave 256 resident threads,
// occupancy 12.5%, and with 128 loads each 128 KB in flight, where device memory needs 15 (the
// point of V. Volkov, "Better Performance at Lower Occupancy", GTC 2010).
//
// Two ways to have more threads, and what they are predicted to do. Fewer registers (MinBlocks
// blocks of 256 must fit): at 128 the loads come in portions, which does no harm; from 80 on sums
// are spilled, 3 KB per product at 64 registers, and device memory is no longer alone; at 32 slower
// by a multiple. A simpler kernel (Rows = 4, 2, 1): 2, 4 or 8 threads share a product, and each
// reads all of the right matrix, up to 2560 bytes per product through L1 instead of 768. No gain.
#pragma once

#include <warpladder/launch/shipped.cuh>

namespace warpladder::launch {

/// Matrix i of `n` has element (r, c) at [(8 * r + c) * n + i]. out = left * right.
struct small_products_problem {
  std::int64_t n;
  const float* left;
  const float* right;
  float* out;
};

inline constexpr int small_products_max_block = 256;

namespace detail {

/// Not more blocks than threads of one multiprocessor, which would not compile.
constexpr int possible_blocks(int blocks, int threads) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  constexpr int resident = 1024;
#elif defined(__CUDA_ARCH__) && (__CUDA_ARCH__ % 100 != 0 || __CUDA_ARCH__ >= 1200)
  constexpr int resident = 1536;
#else
  constexpr int resident = 2048;
#endif
  return blocks * threads < resident ? blocks : resident / threads;
}

}  // namespace detail

/// Rows of a product per thread; 8 / Rows warps share the 32 products of a warp's lanes.
template <int Rows, int MinBlocks>
__global__ void __launch_bounds__(small_products_max_block,
                                  detail::possible_blocks(MinBlocks, small_products_max_block))
    small_products_kernel(small_products_problem p) {
  constexpr int parts = 8 / Rows;
  const std::int64_t units = round_up<std::int64_t>(p.n, 32) * parts;
  detail::for_each_tile<1>(units, [&](std::int64_t unit) {
    const std::int64_t i = unit / (32 * parts) * 32 + unit % 32;
    const int top = int(unit / 32 % parts) * Rows;
    if (i >= p.n) return;
    float sum[Rows][8] = {};
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      float left[Rows], right[8];
#pragma unroll
      for (int r = 0; r < Rows; ++r) left[r] = p.left[((top + r) * 8 + k) * p.n + i];
#pragma unroll
      for (int c = 0; c < 8; ++c) right[c] = p.right[(k * 8 + c) * p.n + i];
#pragma unroll
      for (int r = 0; r < Rows; ++r) {
#pragma unroll
        for (int c = 0; c < 8; ++c) sum[r][c] = __fmaf_rn(left[r], right[c], sum[r][c]);
      }
    }
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
#pragma unroll
      for (int c = 0; c < 8; ++c) p.out[((top + r) * 8 + c) * p.n + i] = sum[r][c];
    }
  });
}

/// Threads that have something to do: what the advisor has to be asked for.
template <int Rows>
std::int64_t small_products_threads(std::int64_t n) {
  return round_up<std::int64_t>(n, 32) * (8 / Rows);
}

template <int Rows = 8, int MinBlocks = 1>
shipped<small_products_problem> small_products() {
  return {"small_products", "registers", small_products_kernel<Rows, MinBlocks>, {}};
}

}  // namespace warpladder::launch
