// SPDX-License-Identifier: Apache-2.0
//
// 11 strided. The habit of a CPU, where every thread takes a contiguous share so that its cache
// lines are its own: each thread copies a run of 32 elements.
//
// Idea: none yet.
// Traffic: the lanes of a warp are 32 elements apart, so that each request touches 32 sectors and
// uses 4 bytes of each. The next 7 elements of a run hit those sectors again, if L1 still has them:
// a warp works on 4 KiB, the 64 warps of a multiprocessor on 256 KiB, which is all of its L1.
// The stores write through: L2 takes 8 partial sectors for every whole one.
// Limited by: partial writes at L2, as in 01 naive, and the loads that L1 has lost in the meantime:
// together a third of the rate of 01 (docs/memory.md, Worklog) -> 12 coalesced.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct strided_tuning {
  static constexpr int run = 32;  ///< elements per thread
  static constexpr int block_rows = 8, block_cols = 32;
  static constexpr int threads = block_rows * block_cols;
  static constexpr int tile_rows = block_rows, tile_cols = block_cols * run;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) strided_kernel(copy_problem<T> p) {
  const auto begin = detail::tile_begin<Tuning::tile_rows, Tuning::tile_cols>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.y;
  const std::int64_t col = begin.col + threadIdx.x * Tuning::run;
  if (row >= p.rows) return;
  for (int k = 0; k < Tuning::run && col + k < p.cols; ++k)
    p.out[row * p.ld_out + col + k] = p.in[row * p.ld_in + col + k];
}

struct strided {
  static constexpr rung_info info{11, "strided", "a run of elements per thread, as on a CPU"};
  using tuning = strided_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    return detail::fits_grid<tuning::tile_rows, tuning::tile_cols>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::tile_rows, tuning::tile_cols>(p));
    return warpladder::launch_kernel(strided_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
