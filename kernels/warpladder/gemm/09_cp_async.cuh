// SPDX-License-Identifier: Apache-2.0
//
// 09 cp_async. Before: elements in flight occupied registers, for one tile and no more.
//
// Idea: cp.async copies from global to shared memory behind the thread's back. A ring of 4 stages
// keeps three tiles in flight while the fourth is computed on: 3 * 1024 clocks to hide a latency.
// Each thread waits for its own copies of the oldest tile, then one barrier makes everybody's
// visible, and says at once that the slot computed on before is free for the next copy.
// Traffic: B moves by 16 bytes and bypasses L1. A must be transposed, which a copy can do only one
// element at a time: 4 copies of 4 bytes. The lanes of a copy hold 4 rows i at 8 k: 4 sectors of
// global memory, all of it used, if A's rows are aligned to 32 bytes, else 8; and bank
// (132 k + i) % 32 is different for all 32. In return neither A nor k needs alignment. 33 KB of
// shared memory per block.
// Limited by: reads of shared memory: 12 wavefronts per warp and k, 75% of the 16 clocks that its
// multiply-adds take; and B's fragments make 8 of the 12 -> 10 warp_tile.
#pragma once

#include <limits>
#include <type_traits>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/detail/float4.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

struct cp_async_tuning {
  static constexpr int block_m = 128, block_n = 128, block_k = 8;
  static constexpr int thread_m = 8, thread_n = 8;
  static constexpr int blocks_per_sm = 2, padding = 4, stages = 4;
  static constexpr int threads = block_m * block_n / (thread_m * thread_n);
  struct stage {
    alignas(16) float a[block_k][block_m + padding];
    alignas(16) float b[block_k][block_n];
  };
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    cp_async_kernel(problem<T> p) {
  using detail::as_float4, detail::store_scaled;
  constexpr int block_m = Tuning::block_m, block_n = Tuning::block_n, block_k = Tuning::block_k;
  constexpr int thread_m = Tuning::thread_m, thread_n = Tuning::thread_n;
  constexpr int threads = Tuning::threads, stages = Tuning::stages;
  constexpr int threads_across = block_n / thread_n;
  constexpr int piece_m = block_m / (thread_m / 4), piece_n = block_n / (thread_n / 4);
  static_assert(std::is_same_v<T, float>, "float4 holds four floats");
  static_assert(block_m * block_k % threads == 0 && block_k * block_n == 4 * threads,
                "every thread stages as many elements of A as any other, and four of B");
  auto* const ring = dynamic_shared<typename Tuning::stage>();

  const int thread = threadIdx.x;
  const unsigned tiles_across = ceil_div<unsigned>(p.n, block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * block_n;
  const int row = thread / threads_across * 4, col = thread % threads_across * 4;

  // This thread copies elements of one column of A's tile and four neighbours of B's.
  constexpr int a_pass = threads / block_k;
  const int a_i = thread / block_k, a_k = thread % block_k;
  const int b_k = thread / (block_n / 4), b_j = thread % (block_n / 4) * 4;
  const int rows_left = int(p.m - block_row), cols_left = int(p.n - block_col);
  std::int64_t a_from = (block_row + a_i) * p.lda + a_k;
  std::int64_t b_from = b_k * p.ldb + block_col + b_j;
  int depth_left = p.depth();

  // Zeros beyond the edges add nothing to any sum that is stored.
  const auto copy_tiles = [&](unsigned slot) {
    if (depth_left > 0) {
#pragma unroll
      for (int i = 0; i < block_m; i += a_pass) {
        const bool inside = i + a_i < rows_left && a_k < depth_left;
        async_copy<4>(&ring[slot].a[a_k][i + a_i], &p.a[a_from + i * p.lda], inside);
      }
      const bool inside = b_k < depth_left && b_j < cols_left;
      async_copy<16>(&ring[slot].b[b_k][b_j], &p.b[b_from], inside);
      a_from += block_k;
      b_from += block_k * p.ldb;
      depth_left -= block_k;
    }
    async_copy_commit();  // an empty group keeps the count of groups
  };

#pragma unroll
  for (int slot = 0; slot < stages - 1; ++slot) copy_tiles(slot);

  alignas(16) float sum[thread_m][thread_n] = {};
  unsigned slot = 0;
  for (int tiles = ceil_div(p.depth(), block_k); tiles > 0; --tiles) {
    async_copy_wait<stages - 2>();  // the oldest tiles: this thread's copies have arrived,
    __syncthreads();  // and now everyone's; nobody reads the slot before this one any more
    copy_tiles((slot + stages - 1) % stages);
#pragma unroll
    for (int k = 0; k < block_k; ++k) {
      alignas(16) float a[thread_m], b[thread_n];
#pragma unroll
      for (int i = 0; i < thread_m; i += 4)
        as_float4(&a[i]) = as_float4(&ring[slot].a[k][row + i / 4 * piece_m]);
#pragma unroll
      for (int j = 0; j < thread_n; j += 4)
        as_float4(&b[j]) = as_float4(&ring[slot].b[k][col + j / 4 * piece_n]);
#pragma unroll
      for (int i = 0; i < thread_m; ++i) {
#pragma unroll
        for (int j = 0; j < thread_n; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    slot = (slot + 1) % stages;
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

struct cp_async {
  static constexpr rung_info info{.step = 9,
                                  .name = "cp_async",
                                  .idea = "copies that bypass the registers, three tiles ahead",
                                  .min_compute_capability = 80};
  using tuning = cp_async_tuning;

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
    if (p.n % 4 != 0) return {"n must be a multiple of 4"};
    if (p.ldb % 4 != 0 || p.ldc % 4 != 0) return {"ldb and ldc must be multiples of 4"};
    if (!detail::is_float4_aligned(p.b) || !detail::is_float4_aligned(p.c))
      return {"b and c must be aligned to 16 bytes"};
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
    return warpladder::launch_kernel(cp_async_kernel<T, tuning>,
                                     {.grid = grid,
                                      .block = block,
                                      .shared_bytes = tuning::stages * sizeof(tuning::stage),
                                      .stream = stream},
                                     p);
  }
};

}  // namespace warpladder::gemm
