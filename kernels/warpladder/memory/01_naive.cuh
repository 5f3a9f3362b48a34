// SPDX-License-Identifier: Apache-2.0
//
// 01 naive. A transposition moves every element once and computes nothing: 8 bytes per float, and
// a copy is its ceiling.
//
// Idea: none yet. A block of 32 x 8 threads takes a tile of 32 x 32, four rows apart by 8 per
// thread, as in "An Efficient Matrix Transpose in CUDA C/C++" (Harris, NVIDIA, 2013) and
// "Optimizing Matrix Transpose in CUDA" (Ruetsch and Micikevicius, 2009). Rungs 01 to 05 keep this
// shape, and differ only in which thread moves what.
// Traffic: the lanes of a warp read 32 neighbours, 4 sectors of 32 bytes, all used. They write down
// a column, one element into each of 32 rows: 32 sectors, 4 bytes used of each. The other 7 columns
// of those sectors are written by the other 7 warps, so L2 collects whole sectors and DRAM sees the
// bytes once; but L2 is asked 8 times as often.
// Limited by: partial writes at L2. At 170 G sectors per second (assumed: 5.5 TB/s in whole ones)
// 4 bytes in each would be 0.7 TB/s, half of what a copy writes. It is a third of that in fact: a
// partial write costs L2 more than a whole one -> 02 coalesced_writes.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct transpose_tuning {
  static constexpr int tile = 32;       ///< rows and columns of a block's tile: a warp is one row
  static constexpr int block_rows = 8;  ///< rows of threads: each moves tile / block_rows elements
  static constexpr int threads = tile * block_rows;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) naive_kernel(transpose_problem<T> p) {
  constexpr int tile = Tuning::tile;
  const auto begin = detail::tile_begin<tile, tile>(p, blockIdx.x);
  const std::int64_t col = begin.col + threadIdx.x;
#pragma unroll
  for (int k = 0; k < tile; k += Tuning::block_rows) {
    const std::int64_t row = begin.row + threadIdx.y + k;
    if (row < p.rows && col < p.cols) p.out[col * p.ld_out + row] = p.in[row * p.ld_in + col];
  }
}

struct naive {
  static constexpr rung_info info{1, "naive", "read along rows, write down columns"};
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
    return warpladder::launch_kernel(naive_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
