// SPDX-License-Identifier: Apache-2.0
//
// 14 vectorized_copy. Before (12 coalesced): 128 bytes per request of a warp, 8 KB in flight per
// multiprocessor.
//
// Idea: 16 bytes per access, the widest that a thread has. A float matrix whose rows are aligned to
// 16 bytes is a matrix of float4, a quarter as wide.
// Traffic: 512 bytes per request: 16 sectors, 4 wavefronts, the same bytes. A quarter of the
// requests, threads and addresses; 2048 threads have 32 KB in flight instead of 8. Price: rows of
// whole vectors, aligned on both sides.
// Limited by: device memory, nearly. Each thread still lives for one load: between the store of a
// block and the first load of its successor lie a launch of the block and its address arithmetic
// -> 15 loads_in_flight.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/12_coalesced.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/detail/vector.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) vectorized_copy_kernel(copy_problem<float4> p) {
  const auto begin = detail::tile_begin<Tuning::block_rows, Tuning::block_cols>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.y, col = begin.col + threadIdx.x;
  if (row < p.rows && col < p.cols) p.out[row * p.ld_out + col] = p.in[row * p.ld_in + col];
}

struct vectorized_copy {
  static constexpr rung_info info{14, "vectorized_copy", "16 bytes per load and store"};
  using tuning = copy_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    if (const support whole = detail::moves_whole_vectors(p); !whole) return whole;
    return detail::fits_grid<tuning::block_rows, tuning::block_cols>(detail::in_vectors(p));
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const copy_problem<float4> vectors = detail::in_vectors(p);
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::block_rows, tuning::block_cols>(vectors));
    return warpladder::launch_kernel(vectorized_copy_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, vectors);
  }
};

}  // namespace warpladder::memory
