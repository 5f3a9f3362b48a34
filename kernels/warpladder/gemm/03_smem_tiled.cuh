// SPDX-License-Identifier: Apache-2.0
//
// 03 smem_tiled. Before: the threads of a row of C each fetched the same row of A through the
// caches, those of a column the same column of B: every element came n or m times.
//
// Idea: a block stages a 32 x 32 tile of A and one of B in shared memory, uses each element 32
// times, and moves 32 further along k.
// Traffic: 2 * m * n * k / 32 elements from L2. At 4096^3 that is 17 GB instead of 550 GB asked of
// the caches, 8 floating-point operations per byte instead of 1/4. A transposed operand is right
// but not coalesced: its lanes step by lda or ldb.
// Limited by: shared memory. A multiply-add reads two elements, one wavefront per warp each; a
// multiprocessor issues 4 warp-wide multiply-adds per clock but serves 1 wavefront, so 1/8 of the
// peak, or 1/6 as nvcc merges four k of a row of a_tile into one read -> 04 thread_tile_1d.
#pragma once

#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

struct smem_tiled_tuning {
  static constexpr int block_m = 32, block_n = 32, block_k = 32;
  static constexpr int threads = block_m * block_n;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) smem_tiled_kernel(problem<T> p) {
  constexpr int block_m = Tuning::block_m, block_n = Tuning::block_n, block_k = Tuning::block_k;
  constexpr int threads = Tuning::threads;
  static_assert(block_m * block_k % threads == 0 && block_k * block_n % threads == 0,
                "every thread stages as many elements as any other");
  __shared__ T a_tile[block_m][block_k], b_tile[block_k][block_n];

  const int thread = threadIdx.x;
  const unsigned tiles_across = ceil_div<unsigned>(p.n, block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * block_n;
  const int row = thread / block_n, col = thread % block_n;

  // Zeros beyond the edges add nothing to any sum that is stored.
  const auto a_or_zero = [&](std::int64_t i, std::int64_t k) {
    return i < p.m && k < p.depth() ? p.a[i * p.a_row() + k * p.a_col()] : T(0);
  };
  const auto b_or_zero = [&](std::int64_t k, std::int64_t j) {
    return k < p.depth() && j < p.n ? p.b[k * p.b_row() + j * p.b_col()] : T(0);
  };

  T sum = 0;
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
    // In full, the unrolled loop would need more than the 32 registers that 2048 threads leave.
#pragma unroll 16
    for (int k = 0; k < block_k; ++k) {
      sum += a_tile[row][k] * b_tile[k][col];
    }
    __syncthreads();  // nobody reads them any more
  }

  if (block_row + row < p.m && block_col + col < p.n) {
    store_scaled(&p.c[(block_row + row) * p.ldc + block_col + col], sum, p.alpha, p.beta);
  }
}

struct smem_tiled {
  static constexpr rung_info info{3, "smem_tiled", "reuse a tile through shared memory"};
  using tuning = smem_tiled_tuning;

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
    return warpladder::launch_kernel(smem_tiled_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::gemm
