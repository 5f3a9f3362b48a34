// SPDX-License-Identifier: Apache-2.0
//
// Known-bad kernels. Two small, right GEMM kernels, and in each a list of defects, every one of
// them a single change that people make. caught_test.cu demands that each defect is caught, and
// that the kernel without it is not.
#pragma once

#include <algorithm>
#include <cmath>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::caught {

enum class defect {
  none,
  // Synchronisation.
  no_barrier_before_reading,    ///< the tile is read before all threads have written it
  no_barrier_before_refilling,  ///< the tile is overwritten while others still read it
  divergent_barrier,            ///< threads beyond the edge do not come to the barrier
  early_return_before_barrier,  ///< they leave instead, and a barrier counts those who are left
  no_async_wait,                ///< the tile is read while cp.async still writes it
  no_barrier_after_async_wait,  ///< a thread's wait covers its own copies, not its neighbours'
  // Bounds.
  no_row_guard_on_store,
  no_column_guard_on_store,
  no_row_guard_on_load,
  no_depth_guard_on_load,
  shared_tile_one_short,
  // Meaning.
  reads_c_when_beta_is_zero,
  reads_inputs_when_alpha_is_zero,
  ignores_transposed_stride,
  forgets_last_tile_of_k,
  ignores_batch_stride,
  ignores_ldc,
  hides_nan,
  leaves_last_element,
  // Warps.
  mask_without_caller,      ///< a lane takes part in a shuffle whose mask does not name it
  mask_names_exited_lanes,  ///< the mask names lanes that have returned
  half_the_lanes,           ///< the reduction starts with half of the lanes too few
};

constexpr int tile = 16;

/// One output per thread, tiles of 16 x 16 through shared memory, filled by plain copies or by
/// cp.async.
template <defect Defect>
__global__ void tiled_kernel(gemm::problem<float> p) {
  constexpr bool asynchronous =
      Defect == defect::no_async_wait || Defect == defect::no_barrier_after_async_wait;
  constexpr int shared_rows = Defect == defect::shared_tile_one_short ? tile - 1 : tile;
  __shared__ float a_tile[tile][tile];
  __shared__ float b_tile[shared_rows][tile];
  const int x = int(threadIdx.x), y = int(threadIdx.y);
  const std::int64_t row = std::int64_t(blockIdx.y) * tile + y;
  const std::int64_t col = std::int64_t(blockIdx.x) * tile + x;
  const std::int64_t batch = blockIdx.z;
  const std::int64_t a_stride = Defect == defect::ignores_batch_stride ? 0 : p.stride_a;
  const float* const a = p.a + batch * a_stride;
  const float* const b = p.b + batch * p.stride_b;
  float* const c = p.c + batch * p.stride_c;

  if constexpr (Defect == defect::early_return_before_barrier) {
    if (row >= p.m || col >= p.n) return;
  }
  std::int64_t a_row = p.a_row(), a_col = p.a_col();
  if constexpr (Defect == defect::ignores_transposed_stride) a_row = p.lda, a_col = 1;
  int depth = Defect == defect::reads_inputs_when_alpha_is_zero ? int(p.k) : p.depth();
  if constexpr (Defect == defect::forgets_last_tile_of_k) depth = depth / tile * tile;

  float sum = 0;
  for (int k0 = 0; k0 < depth; k0 += tile) {
    constexpr bool no_row_guard = Defect == defect::no_row_guard_on_load;
    constexpr bool no_depth_guard = Defect == defect::no_depth_guard_on_load;
    const bool a_valid = (no_row_guard || row < p.m) && (no_depth_guard || k0 + x < depth);
    const bool b_valid = col < p.n && (no_depth_guard || k0 + y < depth);
    const float* const a_from = a + row * a_row + (k0 + x) * a_col;
    const float* const b_from = b + (k0 + y) * p.b_row() + col * p.b_col();
    if constexpr (asynchronous) {
      async_copy<4>(&a_tile[y][x], a_valid ? a_from : a, a_valid);
      async_copy<4>(&b_tile[y][x], b_valid ? b_from : b, b_valid);
      async_copy_commit();
      if constexpr (Defect != defect::no_async_wait) async_copy_wait<0>();
    } else {
      a_tile[y][x] = a_valid ? *a_from : 0.0f;
      b_tile[y][x] = b_valid ? *b_from : 0.0f;
    }
    if constexpr (Defect == defect::divergent_barrier) {
      if (row < p.m) __syncthreads();
    } else if constexpr (Defect != defect::no_barrier_before_reading &&
                         Defect != defect::no_barrier_after_async_wait) {
      __syncthreads();
    }
    const int products =
        int(blockDim.x);  // unknown to the compiler: it must not warn of the defects
    for (int k = 0; k < products; ++k) sum += a_tile[y][k] * b_tile[k][x];
    if constexpr (Defect != defect::no_barrier_before_refilling) __syncthreads();
  }

  constexpr bool no_row_guard = Defect == defect::no_row_guard_on_store;
  constexpr bool no_column_guard = Defect == defect::no_column_guard_on_store;
  if ((!no_row_guard && row >= p.m) || (!no_column_guard && col >= p.n)) return;
  if constexpr (Defect == defect::leaves_last_element) {
    if (row == p.m - 1 && col == p.n - 1) return;
  }
  if constexpr (Defect == defect::hides_nan) sum = fminf(fmaxf(sum, -1e30f), 1e30f);
  const std::int64_t ldc = Defect == defect::ignores_ldc ? p.n : p.ldc;
  if constexpr (Defect == defect::reads_c_when_beta_is_zero) {
    c[row * ldc + col] = p.alpha * sum + p.beta * c[row * ldc + col];
  } else {
    gemm::store_scaled(&c[row * ldc + col], sum, p.alpha, p.beta);
  }
}

template <defect Defect>
cudaError_t launch_tiled(const gemm::problem<float>& p, cudaStream_t stream) {
  const dim3 grid(unsigned(ceil_div<std::int64_t>(p.n, tile)),
                  unsigned(ceil_div<std::int64_t>(p.m, tile)), unsigned(p.batch));
  return launch_kernel(tiled_kernel<Defect>,
                       {.grid = grid, .block = dim3(tile, tile), .stream = stream}, p);
}

/// One warp per element of C; the lanes share the sum over k and add up with shuffles.
template <defect Defect>
__global__ void warp_kernel(gemm::problem<float> p) {
  const std::int64_t row = blockIdx.y, col = blockIdx.x;
  const int lane = int(threadIdx.x);
  if constexpr (Defect == defect::mask_names_exited_lanes) {
    if (lane >= p.depth()) return;
  }
  float sum = 0;
  for (int k = lane; k < p.depth(); k += 32)
    sum += p.a[row * p.a_row() + k * p.a_col()] * p.b[k * p.b_row() + col * p.b_col()];
  const unsigned mask = Defect == defect::mask_without_caller ? 0x0000ffffu : 0xffffffffu;
  for (int offset = Defect == defect::half_the_lanes ? 8 : 16; offset > 0; offset /= 2)
    sum += __shfl_down_sync(mask, sum, offset);
  if (lane == 0) gemm::store_scaled(&p.c[row * p.ldc + col], sum, p.alpha, p.beta);
}

template <defect Defect>
cudaError_t launch_warp(const gemm::problem<float>& p, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(p.n), static_cast<unsigned>(p.m));
  return launch_kernel(warp_kernel<Defect>, {.grid = grid, .block = 32, .stream = stream}, p);
}

}  // namespace warpladder::caught
