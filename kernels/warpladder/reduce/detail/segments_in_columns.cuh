// SPDX-License-Identifier: Apache-2.0
//
// How 23 tuned_segments reduces columns, and the partial results of segments in several pieces,
// which are the columns of a matrix again.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/reduce/detail/wide_elements.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce::detail {

/// An operation on what it has already accumulated.
template <class Op>
struct on_partials : Op {
  using input = typename Op::accumulator;
  using accumulator = typename Op::accumulator;
  __host__ __device__ accumulator lift(input partial, std::int64_t) const { return partial; }
};

/// How blocks cover the columns: tiles of 1 << log2_across cells, piece_rows rows at a time.
struct column_tiling {
  int log2_across = 0;
  std::int64_t tiles = 1, pieces = 1, piece_rows = 0;
};

/// Cells of Width neighbouring columns lie `across` to a row of the tile; a thread walks down one
/// of them, and the threads below each other combine what they found. With more than one piece,
/// partials(piece, column) is that.
template <class T, class Op, int Width, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    columns_kernel(segmented_problem<T, Op> p, column_tiling tiling,
                   typename Op::accumulator* partials) {
  using accumulator = typename Op::accumulator;
  constexpr int threads = Tuning::threads, in_flight = Tuning::in_flight;
  __shared__ accumulator shared[Width * threads];
  let_next_kernel_start();
  wait_for_kernels_before();
  const int across = 1 << tiling.log2_across, down = threads >> tiling.log2_across;
  const int tid = threadIdx.x, x = tid & (across - 1), y = tid >> tiling.log2_across;
  const auto tiles = static_cast<unsigned>(tiling.tiles);  // no more than blocks
  const std::int64_t tile_begin = std::int64_t{blockIdx.x % tiles} * across * Width;
  const std::int64_t piece = blockIdx.x / tiles;
  const std::int64_t col = tile_begin + x * Width, left = p.cols - col;
  const std::int64_t begin = piece * tiling.piece_rows;
  const std::int64_t end = min(p.rows, begin + tiling.piece_rows);

  accumulator total[Width];
#pragma unroll
  for (int e = 0; e < Width; ++e) total[e] = p.op.identity();
  const auto walk_down = [&](const auto& load_cell) {
    for (std::int64_t row = begin + y; row < end; row += in_flight * down) {
      T element[in_flight][Width];
#pragma unroll
      for (int k = 0; k < in_flight; ++k) {
        if (row + k * down < end) load_cell(element[k], p.in + (row + k * down) * p.ld + col);
      }
#pragma unroll
      for (int k = 0; k < in_flight; ++k) {
        if (row + k * down >= end) continue;
#pragma unroll
        for (int e = 0; e < Width; ++e)
          total[e] = p.op.combine(total[e], p.op.lift(element[k][e], row + k * down));
      }
    }
  };
  if (left >= Width) {
    walk_down([](T(&to)[Width], const T* from) { load(to, from); });
  } else if (left > 0) {
    // Columns behind the last one repeat the first of the cell: nobody looks at their totals.
    walk_down([=](T(&to)[Width], const T* from) {
#pragma unroll
      for (int e = 0; e < Width; ++e) to[e] = from[e < left ? e : 0];
    });
  }

#pragma unroll
  for (int e = 0; e < Width; ++e) shared[e * threads + tid] = total[e];
  for (int half = threads / 2; half >= across; half /= 2) {
    __syncthreads();
    if (tid >= half) continue;
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      accumulator& upper = shared[e * threads + tid];
      upper = p.op.combine(upper, shared[e * threads + tid + half]);
    }
  }
  __syncthreads();
  // Neighbouring lanes store neighbouring results, whatever the width.
  for (int i = tid; i < across * Width && tile_begin + i < p.cols; i += threads) {
    const accumulator of_column = shared[i % Width * threads + i / Width];
    if (partials != nullptr) {
      partials[piece * p.cols + tile_begin + i] = of_column;
    } else {
      p.out[tile_begin + i] = p.op.finish(of_column);
    }
  }
}

}  // namespace warpladder::reduce::detail
