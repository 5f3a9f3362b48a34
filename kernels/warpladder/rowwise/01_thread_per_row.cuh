// SPDX-License-Identifier: Apache-2.0
//
// 01 thread_per_row. The definition as a CPU would run it: a thread walks along its row three
// times, for the largest element, for the sum of exponentials, and to write the quotients.
//
// Traffic: the lanes of a warp are in 32 rows: 32 sectors per request, of each of which a lane uses
// 4 bytes now and the other 28 in its next 7 steps, if the sector is still in L1 then. 2048 threads
// of a multiprocessor have as many rows and sectors, 64 KB: they could stay. Written are 4 bytes of
// a sector at a time.
// Exponentials: 2 per element; the subtraction of the maximum keeps them and their sum in range.
// Limited by: sectors, and by too few threads if there are few rows -> 02 block_per_row.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct thread_per_row_tuning {
  static constexpr int threads = 128;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) thread_per_row_kernel(softmax_problem<T> p) {
  const std::int64_t row = std::int64_t{blockIdx.x} * Tuning::threads + threadIdx.x;
  if (row >= p.rows) return;
  const T* const in = p.in + row * p.ld_in;
  T* const out = p.out + row * p.ld_out;

  float largest = detail::below_all;
  for (std::int64_t i = 0; i < p.cols; ++i) largest = fmaxf(largest, float(in[i]));
  float sum = 0;
  for (std::int64_t i = 0; i < p.cols; ++i) sum += detail::exponential(float(in[i]) - largest);
  const float scale = 1 / sum;
  for (std::int64_t i = 0; i < p.cols; ++i)
    out[i] = T(detail::exponential(float(in[i]) - largest) * scale);
}

struct thread_per_row {
  static constexpr rung_info info{1, "thread_per_row", "a row per thread, read three times"};
  using tuning = thread_per_row_tuning;

  template <class T>
  static support supports(const softmax_problem<T>& p) {
    return detail::fits_grid(ceil_div<std::int64_t>(p.rows, tuning::threads));
  }

  template <class T>
  static std::size_t workspace_bytes(const softmax_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const softmax_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 grid(unsigned(ceil_div<std::int64_t>(p.rows, tuning::threads)));
    return warpladder::launch_kernel(
        thread_per_row_kernel<T, tuning>,
        {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::rowwise
