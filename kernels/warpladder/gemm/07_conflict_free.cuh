// SPDX-License-Identifier: Apache-2.0
//
// 07 conflict_free. Before: shared memory had two words to fetch from every bank.
//
// Idea: a thread owns two pieces of 4 rows and of 4 columns, 64 apart, instead of 8 neighbours, so
// that neighbouring lanes read neighbouring float4; and a_tile's rows are padded by 4 floats.
// Wavefronts per warp and tile of 8 k, before -> after:
//   store A  4 x 2 -> 4 x 1   lanes hold 16 rows i at k and at k + 4; bank (128 k + i) % 32 is the
//                             same for both k, bank (132 k + i) % 32 differs by 16
//   store B      4 -> 4       512 bytes in a row
//   read A  16 x 2 -> 16 x 2  two addresses per warp; each half of the warp shares one
//   read B  16 x 8 -> 16 x 4  16 float4 in a row, which both halves of the warp read
// 172 -> 104 clocks, against 128 clocks of multiply-adds (512 per warp, 4 per clock).
// Limited by: latency. A block's load, store, barrier and multiply-adds follow each other. While it
// waits for L2 (some 270 clocks) or DRAM (some 600) the multiply-adds of the multiprocessor's other
// block, 1024 clocks per tile, must fill in alone, and it waits likewise -> 08 register_prefetch.
#pragma once

#include <limits>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/detail/float4.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

struct conflict_free_tuning {
  static constexpr int block_m = 128, block_n = 128, block_k = 8;
  static constexpr int thread_m = 8, thread_n = 8;
  static constexpr int blocks_per_sm = 2, padding = 4;
  static constexpr int threads = block_m * block_n / (thread_m * thread_n);
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    conflict_free_kernel(problem<T> p) {
  using detail::as_float4, detail::store_scaled;
  constexpr int block_m = Tuning::block_m, block_n = Tuning::block_n, block_k = Tuning::block_k;
  constexpr int thread_m = Tuning::thread_m, thread_n = Tuning::thread_n;
  constexpr int threads = Tuning::threads, threads_across = block_n / thread_n;
  constexpr int piece_m = block_m / (thread_m / 4), piece_n = block_n / (thread_n / 4);
  static_assert(std::is_same_v<T, float>, "float4 holds four floats");
  static_assert(block_m * block_k == 4 * threads && block_k * block_n == 4 * threads,
                "every thread stages four elements of A and four of B");
  alignas(16) __shared__ float a_tile[block_k][block_m + Tuning::padding], b_tile[block_k][block_n];

  const int thread = threadIdx.x;
  const unsigned tiles_across = ceil_div<unsigned>(p.n, block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * block_n;
  const int row = thread / threads_across * 4, col = thread % threads_across * 4;

  // The four elements of A (along k) and of B (along a row) that this thread stages.
  const int a_i = thread / (block_k / 4), a_k = thread % (block_k / 4) * 4;
  const int b_k = thread / (block_n / 4), b_j = thread % (block_n / 4) * 4;

  // Zeros beyond the edges add nothing to any sum that is stored.
  const auto a_or_zero = [&](std::int64_t i, std::int64_t k) {
    return i < p.m && k < p.depth() ? as_float4(&p.a[i * p.lda + k]) : float4{};
  };
  const auto b_or_zero = [&](std::int64_t k, std::int64_t j) {
    return k < p.depth() && j < p.n ? as_float4(&p.b[k * p.ldb + j]) : float4{};
  };

  alignas(16) float sum[thread_m][thread_n] = {};
  for (std::int64_t k0 = 0; k0 < p.depth(); k0 += block_k) {
    const float4 a_four = a_or_zero(block_row + a_i, k0 + a_k);
    const float4 b_four = b_or_zero(k0 + b_k, block_col + b_j);
    a_tile[a_k + 0][a_i] = a_four.x;
    a_tile[a_k + 1][a_i] = a_four.y;
    a_tile[a_k + 2][a_i] = a_four.z;
    a_tile[a_k + 3][a_i] = a_four.w;
    as_float4(&b_tile[b_k][b_j]) = b_four;
    __syncthreads();  // the tiles are complete
#pragma unroll
    for (int k = 0; k < block_k; ++k) {
      alignas(16) float a[thread_m], b[thread_n];
#pragma unroll
      for (int i = 0; i < thread_m; i += 4)
        as_float4(&a[i]) = as_float4(&a_tile[k][row + i / 4 * piece_m]);
#pragma unroll
      for (int j = 0; j < thread_n; j += 4)
        as_float4(&b[j]) = as_float4(&b_tile[k][col + j / 4 * piece_n]);
#pragma unroll
      for (int i = 0; i < thread_m; ++i) {
#pragma unroll
        for (int j = 0; j < thread_n; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();  // nobody reads them any more
  }

#pragma unroll
  for (int i = 0; i < thread_m; ++i) {
#pragma unroll
    for (int j = 0; j < thread_n; j += 4) {
      const std::int64_t c_row = block_row + row + i / 4 * piece_m + i % 4;
      const std::int64_t c_col = block_col + col + j / 4 * piece_n;
      if (c_row < p.m && c_col < p.n) {
        store_scaled(as_float4(&p.c[c_row * p.ldc + c_col]), as_float4(&sum[i][j]), p.alpha,
                     p.beta);
      }
    }
  }
}

struct conflict_free {
  static constexpr rung_info info{7, "conflict_free", "shared memory without bank conflicts"};
  using tuning = conflict_free_tuning;

  template <class T>
  static std::int64_t blocks(const problem<T>& p) {
    return ceil_div<std::int64_t>(p.m, tuning::block_m) *
           ceil_div<std::int64_t>(p.n, tuning::block_n);
  }

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (p.trans_a == transpose::yes || p.trans_b == transpose::yes)
      return {"reads A and B along their rows: no transposes"};
    if (p.n % 4 != 0 || p.k % 4 != 0) return {"n and k must be multiples of 4"};
    if (p.lda % 4 != 0 || p.ldb % 4 != 0 || p.ldc % 4 != 0)
      return {"lda, ldb and ldc must be multiples of 4"};
    if (!detail::is_float4_aligned(p.a) || !detail::is_float4_aligned(p.b) ||
        !detail::is_float4_aligned(p.c))
      return {"a, b and c must be aligned to 16 bytes"};
    if (blocks(p) > std::numeric_limits<std::int32_t>::max()) return {"tiles of C exceed grid.x"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(blocks(p));
    return warpladder::launch_kernel(conflict_free_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::gemm
