// SPDX-License-Identifier: Apache-2.0
//
// 08 tuned_transpose. Before: whole vectors, square tiles, one order of blocks.
//
// Idea: 06 vectorized for every legal problem. One kernel, with everything that a measurement has
// to decide as a parameter:
//   * vectors of N elements on both sides, or of 1 where a row is not aligned. With N = 1 a micro
//     tile is one element, and the permutation c ^ r / N is that of 05 swizzled;
//   * the tile's shape: square; smaller, where square ones would leave multiprocessors without
//     work; 4 times as long as wide for matrices of few rows or columns;
//   * loads in flight per thread before the first of them is put into the tile;
//   * the order of blocks: down bands of tiles. What runs at one time, 132 x 4 blocks or more, then
//     reads and writes a compact region, in runs of many KiB on both sides. In the order of rows it
//     would write 256 bytes into each of thousands of rows, and where these are a power of two
//     apart, to few channels of the memory;
//   * for rows that are not aligned, tiles twice as long as 64 and half as wide: long runs have few
//     ends, and at the ends sectors are written in part.
// Vectors that cross the end of a row are moved element by element. A matrix of one row or one
// column is a copy: 17 tuned_copy.
// Traffic: runs of 256 bytes on both sides, 16 sectors per request; misaligned, of 4-byte elements,
// 5 sectors instead of 4. 4 wavefronts per 512 bytes of shared memory, each way (long tiles: 8 to
// read). 64 bytes in flight per thread; 39 registers let 6 blocks of 256 threads share a
// multiprocessor, 96 KB, 7 times what Little's law asks for (see 15 loads_in_flight).
// Limited by: device memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/17_tuned_copy.cuh>
#include <warpladder/memory/detail/carrier.hpp>
#include <warpladder/memory/detail/micro_tile.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

/// Rows x Cols elements per tile in vectors of Length; `Loads` vectors in flight per thread.
template <int Length, int Rows, int Cols, int Threads, int Loads, int Band, int BlocksPerSm>
struct tuned_transpose_tuning {
  static constexpr int length = Length, rows = Rows, cols = Cols;
  static constexpr int threads = Threads, loads = Loads, band = Band, blocks_per_sm = BlocksPerSm;
  static constexpr int micro_rows = Rows / Length, micro_cols = Cols / Length;
  static_assert((micro_cols & (micro_cols - 1)) == 0, "a permutation by exclusive or");
  static_assert(Threads % micro_rows == 0 && Threads % micro_cols == 0, "whole rows per pass");
  static_assert(micro_rows * micro_cols % Threads == 0 &&
                    Rows * micro_cols % (Threads * Loads) == 0,
                "every thread loads and stores as much as any other");
};

namespace detail {

/// Moves the first `left` of N elements, by one access if all are there.
template <class T, int N>
__device__ __forceinline__ vector<T, N> load_at_most(const vector<T, N>* from, int left) {
  if (left >= N) return *from;
  T element[N] = {};
#pragma unroll
  for (int i = 0; i < N - 1; ++i)
    if (i < left) element[i] = reinterpret_cast<const T*>(from)[i];
  vector<T, N> loaded;
  memcpy(&loaded, element, sizeof element);
  return loaded;
}

template <class T, int N>
__device__ __forceinline__ void store_at_most(vector<T, N>* to, const vector<T, N>& stored,
                                              int left) {
  if (left >= N) {
    *to = stored;
    return;
  }
  T element[N];
  memcpy(element, &stored, sizeof element);
#pragma unroll
  for (int i = 0; i < N - 1; ++i)
    if (i < left) reinterpret_cast<T*>(to)[i] = element[i];
}

}  // namespace detail

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    tuned_transpose_kernel(transpose_problem<T> p) {
  constexpr int length = Tuning::length, threads = Tuning::threads, loads = Tuning::loads;
  constexpr int micro_rows = Tuning::micro_rows, micro_cols = Tuning::micro_cols;
  using vector = detail::vector<T, length>;
  __shared__ vector tile[Tuning::rows][micro_cols];
  const auto begin = detail::banded_tile_begin<Tuning::rows, Tuning::cols, Tuning::band>(p);
  const int rows_left = detail::at_most(p.rows - begin.row, Tuning::rows);
  const int cols_left = detail::at_most(p.cols - begin.col, Tuning::cols);

  {  // Lanes walk along rows of `in`: vector x of rows y, y + pass, ...
    constexpr int pass = threads / micro_cols;
    const int x = threadIdx.x % micro_cols, y = threadIdx.x / micro_cols;
    const std::int64_t ld = p.ld_in / length;
    const auto* const in =
        reinterpret_cast<const vector*>(p.in) + (begin.row + y) * ld + begin.col / length + x;
#pragma unroll
    for (int first = 0; first < Tuning::rows; first += pass * loads) {
      vector loaded[loads] = {};  // elements beyond the edges are moved, though never stored
#pragma unroll
      for (int k = 0; k < loads; ++k) {
        const int row = first + k * pass;
        if (row + y < rows_left)
          loaded[k] = detail::load_at_most<T, length>(in + row * ld, cols_left - x * length);
      }
#pragma unroll
      for (int k = 0; k < loads; ++k) {
        const int row = first + k * pass + y;
        tile[row][x ^ row / length % micro_cols] = loaded[k];
      }
    }
  }
  __syncthreads();  // the tile is complete

  // Lanes walk along rows of `out`: micro tiles (x, y), (x, y + pass), ... of `in`.
  constexpr int pass = threads / micro_rows;
  const int x = threadIdx.x % micro_rows, y = threadIdx.x / micro_rows;
  const std::int64_t ld = p.ld_out / length;
  auto* const out =
      reinterpret_cast<vector*>(p.out) + (begin.col + y * length) * ld + begin.row / length + x;
#pragma unroll
  for (int k = 0; k < micro_cols; k += pass) {
    vector rows[length];
#pragma unroll
    for (int i = 0; i < length; ++i) rows[i] = tile[x * length + i][(y + k) ^ x % micro_cols];
#pragma unroll
    for (int j = 0; j < length; ++j) {
      const int col = k * length + j;
      if (col + y * length < cols_left)
        detail::store_at_most<T, length>(out + col * ld, detail::column_of<T>(rows, j),
                                         rows_left - x * length);
    }
  }
}

struct tuned_transpose {
  static constexpr rung_info info{8, "tuned_transpose", "any shape and alignment, in bands"};

  template <class T, bool Aligned, int Rows, int Cols>
  struct make_tuning {
    static constexpr int length = Aligned ? detail::micro_size<T> : 1;
    static constexpr int micro_tiles = Rows / length * (Cols / length);
    static constexpr int threads = micro_tiles < 256 ? micro_tiles : 256;
    static constexpr int per_thread = micro_tiles / threads * length;
    static constexpr int most = Aligned ? 8 : 16;  // with more, registers spill
    static constexpr int loads = per_thread > most ? most : per_thread;
    static constexpr int band = Aligned ? 1024 : 64, blocks = Aligned ? 4 : 1;
    using type = tuned_transpose_tuning<length, Rows, Cols, threads, loads, band, blocks>;
  };

  template <int Rows, int Cols>
  struct shape {
    static constexpr int rows = Rows, cols = Cols;
  };

  /// Calls f with the shape of tiles that suits a problem. Where rows are not aligned, long columns
  /// of the tile pay: the sectors at both ends of a run are written in part.
  template <class T, class F>
  static auto with_shape(const transpose_problem<T>& p, const F& f) {
    constexpr int size = detail::tile_size<T>;
    constexpr int times = size < 128 ? 4 : 2;  // at most 256 threads side by side
    if (p.cols <= size / times) return f(shape<size * times, size / times>{});
    if (p.rows <= size / times) return f(shape<size / times, size * times>{});
    // Fewer than two tiles for each multiprocessor of a large GPU. Asking which GPU it is would
    // cost a small transposition more than it can gain.
    if (detail::tile_count<size, size>(p) < 256) return f(shape<size / 2, size / 2>{});
    if (!detail::rows_are_aligned(p)) return f(shape<size * 2, size / 2>{});
    return f(shape<size, size>{});
  }

  template <class T>
  static support supports(const transpose_problem<T>& p) {
    if (p.rows <= 1 || p.cols <= 1) return tuned_copy::supports(as_copy(p));
    return with_shape(p, [&](auto tile) { return detail::fits_grid<tile.rows, tile.cols>(p); });
  }

  template <class T>
  static std::size_t workspace_bytes(const transpose_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const transpose_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    if (p.rows == 1 || p.cols == 1) return tuned_copy::launch(as_copy(p), stream, {});
    if constexpr (alignof(T) < sizeof(T)) {
      const auto addresses =
          reinterpret_cast<std::uintptr_t>(p.in) | reinterpret_cast<std::uintptr_t>(p.out);
      if (addresses % sizeof(T) == 0)
        return launch_carriers(detail::with_elements<detail::word<sizeof(T)>>(p), stream);
    }
    return launch_carriers(detail::with_elements<detail::carrier<T>>(p), stream);
  }

  /// The same with a tuning of the caller's choice; vectors longer than 1 need aligned rows.
  template <class Tuning, class T>
  static cudaError_t launch_tuned(const transpose_problem<T>& p, cudaStream_t stream) {
    const dim3 grid(detail::tile_count<Tuning::rows, Tuning::cols>(p));
    return warpladder::launch_kernel(
        tuned_transpose_kernel<T, Tuning>,
        {.grid = grid, .block = dim3(Tuning::threads), .stream = stream}, p);
  }

 private:
  template <class T>
  static cudaError_t launch_carriers(const transpose_problem<T>& p, cudaStream_t stream) {
    const bool aligned = detail::rows_are_aligned(p);
    return with_shape(p, [&](auto tile) {
      using vectors = typename make_tuning<T, true, tile.rows, tile.cols>::type;
      using elements = typename make_tuning<T, false, tile.rows, tile.cols>::type;
      return aligned ? launch_tuned<vectors>(p, stream) : launch_tuned<elements>(p, stream);
    });
  }

  /// One row or one column: both sides as columns, which may lie densely.
  template <class T>
  static copy_problem<T> as_copy(const transpose_problem<T>& p) {
    const bool is_row = p.rows == 1;
    return {.rows = is_row ? p.cols : p.rows,
            .cols = 1,
            .in = p.in,
            .ld_in = is_row ? 1 : p.ld_in,
            .out = p.out,
            .ld_out = is_row ? p.ld_out : 1};
  }
};

}  // namespace warpladder::memory
