// SPDX-License-Identifier: Apache-2.0
//
// 05 swizzled. Before: the padding took 3% more shared memory, and the alignment of the rows.
//
// Idea: keep rows of 32 words and permute each: element (r, c) lies at (r, c ^ r), which runs
// through all banks along a row, where r is fixed, and down a column, where c is.
// Traffic: 1 wavefront to write and 1 to read 32 elements, as with padding, in 4096 bytes. The
// exclusive or is one instruction per access. What padding cannot do: the same permutation of
// whole 16-byte pieces leaves them whole and aligned.
// Limited by: requests, as 04 padded -> 06 vectorized.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/01_naive.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) swizzled_kernel(transpose_problem<T> p) {
  constexpr int tile_size = Tuning::tile;
  __shared__ T tile[tile_size][tile_size];
  const auto begin = detail::tile_begin<tile_size, tile_size>(p, blockIdx.x);
  const int x = threadIdx.x;

  // All loads before the first store, or the compiler may wait for one before it asks for the next.
  T loaded[tile_size / Tuning::block_rows] = {};
#pragma unroll
  for (int k = 0; k < tile_size; k += Tuning::block_rows) {
    const int y = threadIdx.y + k;
    const std::int64_t row = begin.row + y, col = begin.col + x;
    if (row < p.rows && col < p.cols) loaded[k / Tuning::block_rows] = p.in[row * p.ld_in + col];
  }
#pragma unroll
  for (int k = 0; k < tile_size; k += Tuning::block_rows) {
    const int y = threadIdx.y + k;
    tile[y][x ^ y] = loaded[k / Tuning::block_rows];
  }
  __syncthreads();  // the tile is complete
#pragma unroll
  for (int k = 0; k < tile_size; k += Tuning::block_rows) {
    const int y = threadIdx.y + k;
    const std::int64_t row = begin.row + x, col = begin.col + y;
    if (row < p.rows && col < p.cols) p.out[col * p.ld_out + row] = tile[x][y ^ x];
  }
}

struct swizzled {
  static constexpr rung_info info{5, "swizzled", "exclusive or instead of padding"};
  using tuning = transpose_tuning;

  template <class T>
  static support supports(const transpose_problem<T>& p) {
    return detail::fits_grid<tuning::tile, tuning::tile>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const transpose_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const transpose_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::tile, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::tile, tuning::tile>(p));
    return warpladder::launch_kernel(swizzled_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
