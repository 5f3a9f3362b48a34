// SPDX-License-Identifier: Apache-2.0
//
// 12 welford. Before: one pass over the row for its mean alone.
//
// Idea: mean and squares in one pass. Every thread keeps the mean of what it has seen and the sum
// of squared differences from it (B. P. Welford, "Note on a Method for Calculating Corrected Sums
// of Squares and Products", 1962); two such triples combine (Tony F. Chan, Gene H. Golub and
// Randall J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances",
// 1979). As accurate as two passes. RMSnorm needs no triple: it sums squares.
// Traffic: two reads and one write.
// Instructions: a division per element, some 10, and 5 for the rest: at 1.4 floats per clock and
// multiprocessor 21 of 128 lanes, for bfloat16 43.
// Latency: every element's mean waits for the one before: some 50 clocks each, while nothing else
// happens in the thread.
// Limited by: the second read, and by that chain -> 13 norm_in_registers.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/detail/block_combine.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct welford_tuning {
  static constexpr int threads = 512;
};

namespace detail {

/// Of some elements: their number, their mean, and the sum of squared differences from it.
struct moments {
  float count, mean, squares;

  __device__ void add(float x) {
    const float apart = x - mean;
    count += 1;
    mean += apart / count;
    squares += apart * (x - mean);
  }
  __device__ moments combined(const moments& other) const {
    const float both = count + other.count;
    const float share = both > 0 ? other.count / both : 0;  // neither may have seen an element
    const float apart = other.mean - mean;
    return {both, mean + apart * share, squares + other.squares + apart * apart * count * share};
  }
};

}  // namespace detail

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) welford_kernel(norm_problem<T> p) {
  constexpr int threads = Tuning::threads;
  const T* const in = p.in + blockIdx.x * p.ld_in;
  T* const out = p.out + blockIdx.x * p.ld_out;

  detail::moments row{0, 0, 0};
  if (p.what == norm::layer) {
    for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) row.add(float(in[i]));
    row = detail::combine_block<threads>(
        row, [](const auto& a, const auto& b) { return a.combined(b); });
  } else {
    for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
      row.squares += float(in[i]) * float(in[i]);
    row.squares =
        detail::combine_block<threads>(row.squares, [](float a, float b) { return a + b; });
  }

  const float scale = rsqrtf(row.squares / float(p.cols) + p.epsilon);
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    float y = (float(in[i]) - row.mean) * scale;
    if (p.weight != nullptr) y *= float(p.weight[i]);
    if (p.bias != nullptr) y += float(p.bias[i]);
    out[i] = T(y);
  }
}

struct welford {
  static constexpr rung_info info{12, "welford", "mean and variance in one pass"};
  using tuning = welford_tuning;

  template <class T>
  static support supports(const norm_problem<T>& p) {
    return detail::fits_grid(p.rows);
  }

  template <class T>
  static std::size_t workspace_bytes(const norm_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const norm_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    return warpladder::launch_kernel(
        welford_kernel<T, tuning>,
        {.grid = dim3(unsigned(p.rows)), .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::rowwise
