// SPDX-License-Identifier: Apache-2.0
//
// 11 three_pass_norm. The definition, by a block per row with neighbouring lanes on neighbouring
// elements: a pass for the mean, one for the mean square of what is left, one to write. RMSnorm
// takes no mean away and needs two.
//
// Traffic: three reads (RMSnorm: two) and one write per element; the later reads find in L2 what
// the first brought while the rows of all resident blocks fit. Weight and bias are read once per
// row as well, and are in L1 or L2. The second pass subtracts before it squares: the mean of
// squares minus the square of the mean would lose all digits where the mean is large.
// Limited by: passes that wait for each other -> 12 welford.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/detail/block_combine.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct three_pass_norm_tuning {
  static constexpr int threads = 512;
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) three_pass_norm_kernel(norm_problem<T> p) {
  constexpr int threads = Tuning::threads;
  const auto plus = [](float a, float b) { return a + b; };
  const T* const in = p.in + blockIdx.x * p.ld_in;
  T* const out = p.out + blockIdx.x * p.ld_out;

  float mean = 0;
  if (p.what == norm::layer) {
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) sum += float(in[i]);
    mean = detail::combine_block<threads>(sum, plus) / float(p.cols);
  }

  float squares = 0;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const float apart = float(in[i]) - mean;
    squares += apart * apart;
  }
  const float variance = detail::combine_block<threads>(squares, plus) / float(p.cols);

  const float scale = rsqrtf(variance + p.epsilon);
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    float y = (float(in[i]) - mean) * scale;
    if (p.weight != nullptr) y *= float(p.weight[i]);
    if (p.bias != nullptr) y += float(p.bias[i]);
    out[i] = T(y);
  }
}

struct three_pass_norm {
  static constexpr rung_info info{11, "three_pass_norm", "mean, variance, write"};
  using tuning = three_pass_norm_tuning;

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
        three_pass_norm_kernel<T, tuning>,
        {.grid = dim3(unsigned(p.rows)), .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::rowwise
