// SPDX-License-Identifier: Apache-2.0
//
// A step of the heat equation from one matrix in global memory to another, tile by tile: what the
// rungs 01 to 04 do, which differ in how a step follows the one before.
#pragma once

#include <cstdint>
#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver::detail {

/// The one formula of all rungs, in one order.
__device__ __forceinline__ float heat(float u, float up, float down, float left, float right,
                                      float alpha) {
  return fmaf(alpha, fmaf(-4.0f, u, (up + down) + (left + right)), u);
}

/// Blocks of 256 threads, each a column of four cells: it loads 6 + 8 values for 4 results, as
/// those above and below are loaded once.
struct sweep_tile {
  static constexpr int threads = 256, cols = 64, rows_per_thread = 4;
  static constexpr int rows = threads / cols * rows_per_thread;

  template <class Problem>
  static __host__ __device__ std::int64_t count(const Problem& p) {
    return ceil_div<std::int64_t>(p.rows, rows) * ceil_div<std::int64_t>(p.cols, cols);
  }
  template <class Problem>
  static support fits_grid(const Problem& p) {
    if (count(p) > std::numeric_limits<std::int32_t>::max())
      return {"needs more than the 2^31 - 1 blocks of a grid"};
    return {};
  }

  /// The first of this thread's cells in a tile.
  std::int64_t row, col;
  __device__ sweep_tile(std::int64_t all_cols, std::int64_t tile) {
    const std::int64_t across = ceil_div<std::int64_t>(all_cols, cols);
    row = tile / across * rows + int(threadIdx.x) / cols * rows_per_thread;
    col = tile % across * cols + int(threadIdx.x) % cols;
  }
};

/// Where a step reads and where it writes.
struct sweep_view {
  const float* from;
  std::int64_t ld_from;
  float* to;
  std::int64_t ld_to;
};

/// Step 0 reads in, the last one writes out, and between them out and the workspace alternate.
struct sweep_buffers {
  jacobi_problem p;
  float* other;  ///< rows x ld_other
  std::int64_t ld_other;

  static std::int64_t ld(const jacobi_problem& p) { return round_up<std::int64_t>(p.cols, 32); }
  static std::size_t bytes(const jacobi_problem& p) {
    return p.steps < 2 || p.is_copy() ? 0 : std::size_t(p.rows) * std::size_t(ld(p)) * 4;
  }
  sweep_buffers(const jacobi_problem& problem, void* workspace)
      : p(problem), other(static_cast<float*>(workspace)), ld_other(ld(problem)) {}

  __host__ __device__ sweep_view step(int number) const {
    const bool to_out = (p.steps - number) % 2 == 1;
    sweep_view view = to_out ? sweep_view{other, ld_other, p.out, p.ld_out}
                             : sweep_view{p.out, p.ld_out, other, ld_other};
    if (number == 0) view.from = p.in, view.ld_from = p.ld_in;
    return view;
  }
};

/// One step of a tile. The rim is copied. Plain loads, as in a kernel that stays other blocks write
/// what is read here; all of them before the first store, so that they wait together.
__device__ __forceinline__ void sweep(const jacobi_problem& p, const sweep_view& view,
                                      std::int64_t tile) {
  constexpr int cells = sweep_tile::rows_per_thread;
  const sweep_tile mine(p.cols, tile);
  if (mine.row >= p.rows || mine.col >= p.cols) return;
  const float* const from = view.from + mine.row * view.ld_from + mine.col;
  const bool inner_col = mine.col > 0 && mine.col + 1 < p.cols;
  float column[cells + 2], left[cells], right[cells];
#pragma unroll
  for (int i = 0; i < cells + 2; ++i) {
    const std::int64_t row = mine.row + i - 1;
    column[i] = row >= 0 && row < p.rows ? from[(i - 1) * view.ld_from] : 0;
  }
#pragma unroll
  for (int i = 0; i < cells; ++i) {
    const bool has_both = inner_col && mine.row + i < p.rows;
    left[i] = has_both ? from[i * view.ld_from - 1] : 0;
    right[i] = has_both ? from[i * view.ld_from + 1] : 0;
  }
#pragma unroll
  for (int i = 0; i < cells; ++i) {
    const std::int64_t row = mine.row + i;
    const bool inner = inner_col && row > 0 && row + 1 < p.rows;
    const float next = heat(column[i + 1], column[i], column[i + 2], left[i], right[i], p.alpha);
    if (row < p.rows) view.to[row * view.ld_to + mine.col] = inner ? next : column[i + 1];
  }
}

template <class Tile>
__global__ void __launch_bounds__(Tile::threads) copy_matrix_kernel(jacobi_problem p) {
  const Tile mine(p.cols, blockIdx.x);
  for (int i = 0; i < Tile::rows_per_thread; ++i) {
    const std::int64_t row = mine.row + i;
    if (row < p.rows && mine.col < p.cols)
      p.out[row * p.ld_out + mine.col] = p.in[row * p.ld_in + mine.col];
  }
}

/// For problems with p.is_copy().
inline cudaError_t copy_matrix(const jacobi_problem& p, cudaStream_t stream) {
  if (p.is_empty()) return cudaSuccess;
  return warpladder::launch_kernel(copy_matrix_kernel<sweep_tile>,
                                   {.grid = dim3(unsigned(sweep_tile::count(p))),
                                    .block = dim3(sweep_tile::threads),
                                    .stream = stream},
                                   p);
}

}  // namespace warpladder::solver::detail
