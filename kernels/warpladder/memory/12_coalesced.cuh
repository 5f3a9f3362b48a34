// SPDX-License-Identifier: Apache-2.0
//
// 12 coalesced. Before: each request touched 32 sectors, because each lane had a run of its own.
//
// Idea: what a warp touches at one time has to be contiguous, not what a thread touches over time.
// One element per thread, neighbours side by side.
// Traffic: 4 sectors per request, all used. If a row does not begin at a multiple of 32 bytes, the
// same 128 bytes touch 5 sectors: 25% more requests to L1 and L2, of which the fifth is a hit
// (the next warp's first), so that device memory sees the same bytes.
// Limited by: bytes in flight. A thread's load is 4 bytes, a multiprocessor's 2048 threads have
// 8 KB. To read 1.5 TB/s (and write as much) at 600 ns of latency, 0.9 MB must be in flight, 6.8 KB
// on each of 132 multiprocessors, all the time: it would just do, if no thread spent time on
// starting, on addresses and on its store -> 14 vectorized_copy.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct copy_tuning {
  static constexpr int block_rows = 8, block_cols = 32;
  static constexpr int threads = block_rows * block_cols;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) coalesced_kernel(copy_problem<T> p) {
  const auto begin = detail::tile_begin<Tuning::block_rows, Tuning::block_cols>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.y, col = begin.col + threadIdx.x;
  if (row < p.rows && col < p.cols) p.out[row * p.ld_out + col] = p.in[row * p.ld_in + col];
}

struct coalesced {
  static constexpr rung_info info{12, "coalesced", "neighbouring lanes copy neighbours"};
  using tuning = copy_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    return detail::fits_grid<tuning::block_rows, tuning::block_cols>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::block_rows, tuning::block_cols>(p));
    return warpladder::launch_kernel(coalesced_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
