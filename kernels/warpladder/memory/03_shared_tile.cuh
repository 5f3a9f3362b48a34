// SPDX-License-Identifier: Apache-2.0
//
// 03 shared_tile. Before: one side of the global memory traffic was strided, whichever was chosen.
//
// Idea: read a tile along its rows into shared memory, and write it along its columns: shared
// memory has no sectors, so that only there lanes need to walk down a column.
// Traffic: 4 whole sectors per request on both sides. The tile is written in 1 wavefront per 32
// elements. Its rows are 32 words long, the number of banks, so that a column lies in one bank:
// reading it takes 32 wavefronts.
// Limited by: these bank conflicts. 33 wavefronts per 128 bytes, one per clock: the same 1.0 TB/s
// that L1's look-ups allowed before, now for shared memory -> 04 padded.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/01_naive.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) shared_tile_kernel(transpose_problem<T> p) {
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

struct shared_tile {
  static constexpr rung_info info{3, "shared_tile", "turn a tile in shared memory"};
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
    return warpladder::launch_kernel(shared_tile_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
