// SPDX-License-Identifier: Apache-2.0
//
// 04 padded. Before: 32 wavefronts to read a column of the tile, because its elements share a bank.
//
// Idea: rows of 33 words. Element (r, c) lies in bank (33 r + c) % 32 = (r + c) % 32, which differs
// for the 32 elements of a row and for the 32 of a column.
// Traffic: 1 wavefront to write, 1 to read 32 elements. 4224 bytes instead of 4096; elements of a
// row are no longer aligned to more than 4 bytes.
// Limited by: requests. A warp moves 128 bytes with each of 4 (two global, two shared) and the
// address arithmetic around them; and 16 bytes in flight per thread, 32 KB per multiprocessor,
// of which the barrier wastes a part -> 06 vectorized, after another way to the same wavefronts.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/01_naive.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) padded_kernel(transpose_problem<T> p) {
  constexpr int tile_size = Tuning::tile;
  __shared__ T tile[tile_size][tile_size + 1];
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
    tile[y][x] = loaded[k / Tuning::block_rows];
  }
  __syncthreads();  // the tile is complete
#pragma unroll
  for (int k = 0; k < tile_size; k += Tuning::block_rows) {
    const int y = threadIdx.y + k;
    const std::int64_t row = begin.row + x, col = begin.col + y;
    if (row < p.rows && col < p.cols) p.out[col * p.ld_out + row] = tile[x][y];
  }
}

struct padded {
  static constexpr rung_info info{4, "padded", "rows of 33 words: a column meets every bank"};
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
    return warpladder::launch_kernel(padded_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
