// SPDX-License-Identifier: Apache-2.0
//
// 06 vectorized. Before: 4 requests per 128 bytes, each with its address, and 16 bytes in flight
// per thread.
//
// Idea: 16 bytes per access. A tile of 64 x 64 is kept as rows of 16 vectors. Each thread reads the
// vectors at one place of 4 consecutive rows, 4 x 4 elements, transposes them in its registers by
// naming them otherwise, and has 4 vectors of 4 consecutive rows of `out`.
// Traffic: a global request moves 512 bytes in 16 sectors: two runs of 256 bytes on either side.
// Shared memory serves 16-byte accesses by quarter warps of 8 lanes, 128 bytes per wavefront: 4
// wavefronts per request at best. Vector c of row r lies at c ^ r / 4. Writing, 8 lanes hold 8
// consecutive c of one row: 8 different groups of 4 banks. Reading, they hold 8 consecutive r / 4
// at one c: a row is 256 bytes, the same banks again, so that c ^ r / 4 alone decides: 8 different
// groups again. 4 + 4 wavefronts per 512 bytes are the 1 + 1 per 128 of 05 swizzled by a quarter of
// the requests. A thread has 64 bytes in flight, a block 16 KB. Price: whole vectors, aligned.
// Limited by: the barrier. A block loads, waits for all of its tile, stores, and ends; only other
// blocks on the same multiprocessor fill the gaps -> 07 async_tile.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/micro_tile.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T>
struct vectorized_tuning {
  static constexpr int length = detail::micro_size<T>;  ///< elements of a vector
  static constexpr int tile = detail::tile_size<T>;     ///< rows and columns
  static constexpr int across = tile / length;          ///< vectors in a row of the tile
  static constexpr int threads = 256;
  static constexpr int pass = threads / across;  ///< rows that all threads load at once
  static_assert(across * across % threads == 0, "every thread has as many micro tiles");
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) vectorized_kernel(transpose_problem<T> p) {
  constexpr int length = Tuning::length, across = Tuning::across;
  using vector = detail::vector<T, length>;
  __shared__ vector tile[Tuning::tile][across];
  const auto begin = detail::tile_begin<Tuning::tile, Tuning::tile>(p, blockIdx.x);
  const int x = threadIdx.x % across, y = threadIdx.x / across;

  // Counted in vectors, `in` has rows of cols / length and `out` of rows / length.
  const auto* const in = reinterpret_cast<const vector*>(p.in);
  auto* const out = reinterpret_cast<vector*>(p.out);

  // Lanes walk along rows of `in`: vector x of rows y, y + pass, ...
  constexpr int loads = Tuning::tile / Tuning::pass;
  vector loaded[loads];
#pragma unroll
  for (int k = 0; k < loads; ++k) {
    const std::int64_t row = begin.row + y + k * Tuning::pass, col = begin.col / length + x;
    if (row < p.rows && col < p.cols / length) loaded[k] = in[row * (p.ld_in / length) + col];
  }
#pragma unroll
  for (int k = 0; k < loads; ++k) {
    const int row = y + k * Tuning::pass;
    tile[row][x ^ row / length] = loaded[k];
  }
  __syncthreads();  // the tile is complete

  // Lanes walk along rows of `out`: micro tiles (x, y), (x, y + pass), ... of `in`.
#pragma unroll
  for (int k = 0; k < across; k += Tuning::pass) {
    const int c = y + k;
    vector rows[length];
#pragma unroll
    for (int i = 0; i < length; ++i) rows[i] = tile[x * length + i][c ^ x];
    const std::int64_t row = begin.row / length + x, col = begin.col + c * length;
    if (row >= p.rows / length || col >= p.cols) continue;
#pragma unroll
    for (int j = 0; j < length; ++j)
      out[(col + j) * (p.ld_out / length) + row] = detail::column_of<T>(rows, j);
  }
}

struct vectorized {
  static constexpr rung_info info{6, "vectorized", "16 bytes per access, 4 x 4 in registers"};
  template <class T>
  using tuning = vectorized_tuning<T>;

  template <class T>
  static support supports(const transpose_problem<T>& p) {
    if (const support whole = detail::moves_whole_vectors(p); !whole) return whole;
    return detail::fits_grid<tuning<T>::tile, tuning<T>::tile>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const transpose_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const transpose_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning<T>::threads);
    const dim3 grid(detail::tile_count<tuning<T>::tile, tuning<T>::tile>(p));
    return warpladder::launch_kernel(vectorized_kernel<T, tuning<T>>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
