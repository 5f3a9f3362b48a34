// SPDX-License-Identifier: Apache-2.0
//
// 02 coalesced_writes. Before: every store was split into 32 partial sectors, and L1 does not
// collect writes: all of them went to L2.
//
// Idea: the other way round. Lanes walk down a column of `in`, so that they write neighbours.
// Traffic: a store is 4 whole sectors. A load touches 32 sectors and uses 4 bytes of each, but L1
// keeps what it fetched: the other 7 columns of those sectors are read by the other 7 warps of the
// block, 8 KiB later. L2 is asked once per sector on both sides.
// Limited by: L1, which looks up one line per clock: 32 clocks per load of a warp, plus one for the
// store. 132 multiprocessors * 128 bytes / 33 clocks * 1.98 GHz are 1.0 TB/s, two thirds of the 1.5
// that a copy reads -> 03 shared_tile.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/01_naive.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) coalesced_writes_kernel(transpose_problem<T> p) {
  constexpr int tile = Tuning::tile;
  const auto begin = detail::tile_begin<tile, tile>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.x;
#pragma unroll
  for (int k = 0; k < tile; k += Tuning::block_rows) {
    const std::int64_t col = begin.col + threadIdx.y + k;
    if (row < p.rows && col < p.cols) p.out[col * p.ld_out + row] = p.in[row * p.ld_in + col];
  }
}

struct coalesced_writes {
  static constexpr rung_info info{2, "coalesced_writes", "read down columns, write along rows"};
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
    return warpladder::launch_kernel(coalesced_writes_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
