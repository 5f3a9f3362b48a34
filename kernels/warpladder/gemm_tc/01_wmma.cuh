// SPDX-License-Identifier: Apache-2.0
//
// 01 wmma. The tensor cores by the portable way, nvcuda::wmma: a warp owns fragments of 16 x 16 and
// multiplies two of them at once. An A100 does 1024 multiply-adds of 16 bits per clock and
// multiprocessor so, 16 times what its float units do.
//
// What wmma asks for: matrices aligned to 32 bytes, rows a multiple of 16 bytes apart, no ragged
// edges. So a block copies both tiles element by element into shared memory, strips of 16 rows or
// columns of C one after the other with k contiguous, zeros where A or B end; whatever the
// transposes, the fragments look the same. The sums go through shared memory as well, as nobody
// knows which lane holds which.
// A block computes 128 x 128 by 8 warps of 64 x 32 each.
// Prediction: per tile of 2 fragments of k (32 for 16 bits) a thread moves 2 x 16 elements at ~10
// instructions each, addresses and comparisons included: 8 warps x 320 instructions / 4 schedulers
// = 640 clocks, for 512 of the tensor cores. It moves them two at a time, so there are 16 trips to
// L2 of ~300 clocks, which two blocks per multiprocessor share: 2400 clocks, a fifth of an A100's
// peak.
// Limited by: instructions that move single elements -> 02 mma_sync.
#pragma once

#include <mma.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/finish_rows.cuh>
#include <warpladder/gemm_tc/detail/tile_grid.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

struct wmma_tuning {
  static constexpr int block_m = 128, block_n = 128, warp_m = 64, warp_n = 32;
  static constexpr int fragments_k = 2, blocks_per_sm = 2;
  static constexpr int warps = block_m / warp_m * (block_n / warp_n), threads = 32 * warps;
};

template <class Problem, class Tuning>
struct wmma_tiles {
  using input = typename Problem::input;
  static constexpr bool is_tf32 = std::is_same_v<input, float>;
  static constexpr int fragment_k = is_tf32 ? 8 : 16;
  static constexpr int block_k = Tuning::fragments_k * fragment_k;
  struct alignas(32) tiles {
    input a[Tuning::fragments_k][Tuning::block_m][fragment_k];
    input b[Tuning::fragments_k][Tuning::block_n][fragment_k];
  };
  static constexpr int warp_sums = 16 * detail::sums_stride(Tuning::warp_n);
  static constexpr std::size_t shared_bytes =
      std::max(sizeof(tiles), Tuning::warps* warp_sums * sizeof(typename Problem::scalar));
};

/// Copies Width x block_k elements; rows or columns, and k, lie so far apart in global memory.
template <int Threads, int Slices, int Width, int SliceK, class In>
__device__ __forceinline__ void stage_elements(In (&shared)[Slices][Width][SliceK], const In* from,
                                               std::int64_t width_step, std::int64_t k_step,
                                               std::int64_t width_left, std::int64_t k_left) {
#pragma unroll 2
  for (int i = int(threadIdx.x); i < Slices * Width * SliceK; i += Threads) {
    // Neighbouring lanes read neighbours in memory.
    const int along = k_step == 1 ? i / (Slices * SliceK) : i % Width;
    const int k = k_step == 1 ? i % (Slices * SliceK) : i / Width;
    In element;
    memset(static_cast<void*>(&element), 0, sizeof(In));
    if (along < width_left && k < k_left) element = from[along * width_step + k * k_step];
    // wmma wants tf32 made; rounding could make infinity of a finite number.
    if constexpr (std::is_same_v<In, float>)
      element = __uint_as_float(__float_as_uint(element) & 0xffffe000u);
    shared[k / SliceK][along][k % SliceK] = element;
  }
}

template <class Problem, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm) wmma_kernel(Problem p) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  namespace wmma = nvcuda::wmma;
  using input = typename Problem::input;
  using scalar = typename Problem::scalar;
  using layout = wmma_tiles<Problem, Tuning>;
  using element = std::conditional_t<layout::is_tf32, wmma::precision::tf32, input>;
  constexpr int fragments_m = Tuning::warp_m / 16, fragments_n = Tuning::warp_n / 16;
  constexpr int warps_across = Tuning::block_n / Tuning::warp_n, fragment_k = layout::fragment_k;
  auto& tiles = *dynamic_shared<typename layout::tiles>();

  const unsigned tiles_across = ceil_div<unsigned>(p.n, Tuning::block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * Tuning::block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * Tuning::block_n;
  const std::int64_t batch = detail::product_of_block();
  if (batch >= p.batch) return;
  const int warp = int(threadIdx.x) / 32;
  const int row = warp / warps_across * Tuning::warp_m, col = warp % warps_across * Tuning::warp_n;
  const input* const a = p.a + batch * p.stride_a + block_row * p.a_row();
  const input* const b = p.b + batch * p.stride_b + block_col * p.b_col();

  wmma::fragment<wmma::accumulator, 16, 16, fragment_k, scalar> sum[fragments_m][fragments_n];
  for (auto& sums : sum) {
    for (auto& fragment : sums) wmma::fill_fragment(fragment, scalar(0));
  }
  const int depth = p.depth();
  for (std::int64_t k = 0; k < depth; k += layout::block_k) {
    stage_elements<Tuning::threads>(tiles.a, a + k * p.a_col(), p.a_row(), p.a_col(),
                                    p.m - block_row, depth - k);
    stage_elements<Tuning::threads>(tiles.b, b + k * p.b_row(), p.b_col(), p.b_row(),
                                    p.n - block_col, depth - k);
    __syncthreads();
#pragma unroll
    for (int slice = 0; slice < Tuning::fragments_k; ++slice) {
      wmma::fragment<wmma::matrix_a, 16, 16, fragment_k, element, wmma::row_major>
          of_a[fragments_m];
      wmma::fragment<wmma::matrix_b, 16, 16, fragment_k, element, wmma::col_major>
          of_b[fragments_n];
#pragma unroll
      for (int i = 0; i < fragments_m; ++i)
        wmma::load_matrix_sync(of_a[i], tiles.a[slice][row + 16 * i], fragment_k);
#pragma unroll
      for (int j = 0; j < fragments_n; ++j)
        wmma::load_matrix_sync(of_b[j], tiles.b[slice][col + 16 * j], fragment_k);
#pragma unroll
      for (int i = 0; i < fragments_m; ++i) {
#pragma unroll
        for (int j = 0; j < fragments_n; ++j)
          wmma::mma_sync(sum[i][j], of_a[i], of_b[j], sum[i][j]);
      }
    }
    __syncthreads();
  }

  constexpr int stride = detail::sums_stride(Tuning::warp_n);
  auto* const sums = dynamic_shared<scalar>() + warp * layout::warp_sums;  // the tiles are done
#pragma unroll
  for (int i = 0; i < fragments_m; ++i) {
    __syncwarp();  // the strip before this one has been read
#pragma unroll
    for (int j = 0; j < fragments_n; ++j)
      wmma::store_matrix_sync(sums + 16 * j, sum[i][j], stride, wmma::mem_row_major);
    __syncwarp();
    detail::finish_rows<16, Tuning::warp_n>(p, sums, stride, block_row + row + 16 * i,
                                            block_col + col, batch);
  }
#else
  __trap();
#endif
}

struct wmma {
  static constexpr rung_info info{.step = 1,
                                  .name = "wmma",
                                  .idea = "tensor cores by the portable way, nvcuda::wmma",
                                  .min_compute_capability = 80};
  using tuning = wmma_tuning;

  /// wmma has no 8-bit floats.
  template <class Problem>
  static constexpr bool has_type =
      sizeof(typename Problem::input) > 1 || std::is_integral_v<typename Problem::input>;

  template <class Problem>
  static support supports(const Problem& p) {
    if (!has_type<Problem>) return {"wmma has no 8-bit floats"};
    return detail::fits_grid<tuning::block_m, tuning::block_n>(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if constexpr (has_type<Problem>) {
      if (p.is_empty()) return cudaSuccess;
      return warpladder::launch_kernel(
          wmma_kernel<Problem, tuning>,
          {.grid = detail::tile_grid<tuning::block_m, tuning::block_n>(p),
           .block = dim3(tuning::threads),
           .shared_bytes = wmma_tiles<Problem, tuning>::shared_bytes,
           .stream = stream},
          p);
    } else {
      return cudaErrorInvalidValue;
    }
  }
};

}  // namespace warpladder::gemm_tc
