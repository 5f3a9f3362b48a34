// SPDX-License-Identifier: Apache-2.0
//
// 05 thread_tile_2d. Before: each element of A was read from shared memory and used once.
//
// Idea: a thread computes 8 x 8 elements of C as a sum of outer products: per k it brings 8
// elements of A and 8 of B to registers, where they meet in 64 multiply-adds: 1/4 read each instead
// of 9/8.
// Traffic: 128 x 128 tiles at 256 threads, so L2 delivers 2 * m * n * k / 128 elements: 4.3 GB at
// 4096^3, 32 floating-point operations per byte.
// Limited by: what surrounds the multiply-adds. Of 697 instructions per tile (sm_90) 512 are FFMA:
// a thread moves 8 elements to shared memory one by one, each with address and guard. nvcc merges
// the reads along k, for which it holds half of a tile's columns of A: 210 registers, one block of
// 8 warps per multiprocessor -> 06 vectorized.
#pragma once

#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

struct thread_tile_2d_tuning {
  static constexpr int block_m = 128, block_n = 128, block_k = 8;
  static constexpr int thread_m = 8, thread_n = 8;
  static constexpr int threads = block_m * block_n / (thread_m * thread_n);
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) thread_tile_2d_kernel(problem<T> p) {
  constexpr int block_m = Tuning::block_m, block_n = Tuning::block_n, block_k = Tuning::block_k;
  constexpr int thread_m = Tuning::thread_m, thread_n = Tuning::thread_n;
  constexpr int threads = Tuning::threads, threads_across = block_n / thread_n;
  static_assert(block_m * block_k % threads == 0 && block_k * block_n % threads == 0,
                "every thread stages as many elements as any other");
  __shared__ T a_tile[block_m][block_k], b_tile[block_k][block_n];

  const int thread = threadIdx.x;
  const unsigned tiles_across = ceil_div<unsigned>(p.n, block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * block_n;
  const int row = thread / threads_across * thread_m, col = thread % threads_across * thread_n;

  // Zeros beyond the edges add nothing to any sum that is stored.
  const auto a_or_zero = [&](std::int64_t i, std::int64_t k) {
    return i < p.m && k < p.depth() ? p.a[i * p.a_row() + k * p.a_col()] : T(0);
  };
  const auto b_or_zero = [&](std::int64_t k, std::int64_t j) {
    return k < p.depth() && j < p.n ? p.b[k * p.b_row() + j * p.b_col()] : T(0);
  };

  T sum[thread_m][thread_n] = {};
  for (std::int64_t k0 = 0; k0 < p.depth(); k0 += block_k) {
#pragma unroll
    for (int first = 0; first < block_m * block_k; first += threads) {
      const int i = (first + thread) / block_k, k = (first + thread) % block_k;
      a_tile[i][k] = a_or_zero(block_row + i, k0 + k);
    }
#pragma unroll
    for (int first = 0; first < block_k * block_n; first += threads) {
      const int k = (first + thread) / block_n, j = (first + thread) % block_n;
      b_tile[k][j] = b_or_zero(k0 + k, block_col + j);
    }
    __syncthreads();  // the tiles are complete
#pragma unroll
    for (int k = 0; k < block_k; ++k) {
      T a[thread_m], b[thread_n];
#pragma unroll
      for (int i = 0; i < thread_m; ++i) a[i] = a_tile[row + i][k];
#pragma unroll
      for (int j = 0; j < thread_n; ++j) b[j] = b_tile[k][col + j];
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
    for (int j = 0; j < thread_n; ++j) {
      const std::int64_t c_row = block_row + row + i;
      const std::int64_t c_col = block_col + col + j;
      if (c_row < p.m && c_col < p.n) {
        store_scaled(&p.c[c_row * p.ldc + c_col], sum[i][j], p.alpha, p.beta);
      }
    }
  }
}

struct thread_tile_2d {
  static constexpr rung_info info{5, "thread_tile_2d", "8 x 8 elements per thread"};
  using tuning = thread_tile_2d_tuning;

  template <class T>
  static std::int64_t blocks(const problem<T>& p) {
    return ceil_div<std::int64_t>(p.m, tuning::block_m) *
           ceil_div<std::int64_t>(p.n, tuning::block_n);
  }

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
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
    return warpladder::launch_kernel(thread_tile_2d_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::gemm
