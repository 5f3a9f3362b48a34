// SPDX-License-Identifier: Apache-2.0
//
// 02 block_per_row. Before: a request touched 32 sectors, and a row had one thread.
//
// Idea: a block shares a row, neighbouring lanes read neighbours, and what each thread has found,
// the largest and later the sum, is combined by shuffles and through shared memory.
// Traffic: 4 sectors of floats per request, all used. Three reads and one write per element, where
// the problem needs one read: 4/2 of its bytes if all of them came from device memory. The second
// and third reads find in L2 what the first brought while the rows of all resident blocks fit:
// 132 * 4 blocks * 4 * cols bytes in 50 MB, up to some 20 000 columns; through L2 go 4/2 always.
// Latency: two combinations of two barriers each per row, with no load of the block in flight
// meanwhile.
// Limited by: the three passes, each of which waits for the one before -> 03 online.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/detail/block_combine.cuh>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct block_per_row_tuning {
  static constexpr int threads = 512;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) block_per_row_kernel(softmax_problem<T> p) {
  constexpr int threads = Tuning::threads;
  const T* const in = p.in + blockIdx.x * p.ld_in;
  T* const out = p.out + blockIdx.x * p.ld_out;

  float largest = detail::below_all;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    largest = fmaxf(largest, float(in[i]));
  largest = detail::combine_block<threads>(largest, [](float a, float b) { return fmaxf(a, b); });

  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    sum += detail::exponential(float(in[i]) - largest);
  sum = detail::combine_block<threads>(sum, [](float a, float b) { return a + b; });

  const float scale = 1 / sum;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    out[i] = T(detail::exponential(float(in[i]) - largest) * scale);
}

struct block_per_row {
  static constexpr rung_info info{2, "block_per_row", "a row per block: maximum, sum, write"};
  using tuning = block_per_row_tuning;

  template <class T>
  static support supports(const softmax_problem<T>& p) {
    return detail::fits_grid(p.rows);
  }

  template <class T>
  static std::size_t workspace_bytes(const softmax_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const softmax_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    return warpladder::launch_kernel(
        block_per_row_kernel<T, tuning>,
        {.grid = dim3(unsigned(p.rows)), .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::rowwise
