// SPDX-License-Identifier: Apache-2.0
//
// 03 online. Before: one pass over the row for its largest element alone.
//
// Idea: sum before the largest element is known. A sum is relative to the largest element so far
// and is rescaled when a larger one comes (Maxim Milakov and Natalia Gimelshein, "Online normalizer
// calculation for softmax", 2018):
//   m' = max(m, x),  s' = s e^(m - m') + e^(x - m').
// Two such pairs combine in the same way, so that threads and warps can share a row.
// Traffic: two reads and one write, 3/2 of what the problem needs through L2.
// Exponentials: 2 per element and pass one, 1 in pass two. 16 per clock and multiprocessor; at 5.7
// bytes per clock there are 1.4 floats or 2.8 bfloat16 per clock, which need 4.3 or 8.5 of the 16.
// Limited by: the second read, and by threads that wait in the combination -> 04 in_registers.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/detail/block_combine.cuh>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct online_tuning {
  static constexpr int threads = 512;
};

namespace detail {

/// The sum of e^(x - largest) over some elements x.
struct scaled_sum {
  float largest, sum;

  __device__ scaled_sum combined(const scaled_sum& other) const {
    const float joint = fmaxf(largest, other.largest);
    return {joint,
            sum * exponential(largest - joint) + other.sum * exponential(other.largest - joint)};
  }
};

}  // namespace detail

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) online_kernel(softmax_problem<T> p) {
  constexpr int threads = Tuning::threads;
  const T* const in = p.in + blockIdx.x * p.ld_in;
  T* const out = p.out + blockIdx.x * p.ld_out;

  detail::scaled_sum all{detail::below_all, 0};
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const float x = float(in[i]), largest = fmaxf(all.largest, x);
    all.sum =
        all.sum * detail::exponential(all.largest - largest) + detail::exponential(x - largest);
    all.largest = largest;
  }
  all = detail::combine_block<threads>(all,
                                       [](const auto& a, const auto& b) { return a.combined(b); });

  const float scale = 1 / all.sum;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    out[i] = T(detail::exponential(float(in[i]) - all.largest) * scale);
}

struct online {
  static constexpr rung_info info{3, "online", "a sum that is rescaled as the maximum grows"};
  using tuning = online_tuning;

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
        online_kernel<T, tuning>,
        {.grid = dim3(unsigned(p.rows)), .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::rowwise
