// SPDX-License-Identifier: Apache-2.0
//
// 13 row_pointers. The matrix of a C program, `float** rows`: 12 coalesced with one change, the
// address of a row is looked up instead of computed. What it costs, not what it gains.
//
// Idea: none to keep. A first kernel writes the address of every row of `in` and of `out` into the
// workspace, as a program that builds its matrices by `new float*[rows]` has them anyway.
// Traffic: two loads more per thread. The lanes of a warp ask for the same 8 bytes, 1 sector and 1
// wavefront each, mostly L1 hits: bytes are not the price. The price is dependence: the load of an
// element waits for the load of its row, so that with the same threads and the same bytes per load,
// every element is in flight for a part of the time only.
// Limited by: latency, twice: about 35 clocks for a pointer that hits L1, 250 and more for one that
// does not (each block of 8 rows begins with misses), before the 700 of the element. And a launch
// more, a few microseconds. Nor do T** rows say that they are aligned or evenly spaced, so that
// nothing above can be done to them. Keep one allocation and a leading dimension instead.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/12_coalesced.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    row_table_kernel(copy_problem<T> p, const T** in_rows, T** out_rows) {
  const std::int64_t row = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (row >= p.rows) return;
  in_rows[row] = p.in + row * p.ld_in;
  out_rows[row] = p.out + row * p.ld_out;
}

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    row_pointers_kernel(copy_problem<T> p, const T* const* in_rows, T* const* out_rows) {
  const auto begin = detail::tile_begin<Tuning::block_rows, Tuning::block_cols>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.y, col = begin.col + threadIdx.x;
  if (row < p.rows && col < p.cols) out_rows[row][col] = in_rows[row][col];
}

struct row_pointers {
  static constexpr rung_info info{13, "row_pointers", "look addresses of rows up, as in float**"};
  using tuning = copy_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    return detail::fits_grid<tuning::block_rows, tuning::block_cols>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>& p) {
    return p.is_empty() ? 0 : 2 * p.rows * sizeof(T*);
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (p.is_empty()) return cudaSuccess;
    auto* const in_rows = static_cast<const T**>(workspace.data);
    auto* const out_rows = static_cast<T**>(workspace.data) + p.rows;
    const dim3 table_grid(ceil_div<std::int64_t>(p.rows, tuning::threads));
    const cudaError_t status = warpladder::launch_kernel(
        row_table_kernel<T, tuning>,
        {.grid = table_grid, .block = dim3(tuning::threads), .stream = stream}, p, in_rows,
        out_rows);
    if (status != cudaSuccess) return status;
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::block_rows, tuning::block_cols>(p));
    return warpladder::launch_kernel(row_pointers_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p, in_rows,
                                     out_rows);
  }
};

}  // namespace warpladder::memory
