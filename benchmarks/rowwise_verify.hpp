// SPDX-License-Identifier: Apache-2.0
//
// What row-wise kernels are checked with: inputs that show mistakes, and a comparison of every
// element with float64.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <warpladder/core/stream.hpp>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::bench {

/// Row-wise results average over their row: of 65536 random elements one can be lost within the
/// bound of the rounding errors. In these rows it cannot.
enum class rows_of {
  spikes,  ///< 16 large elements, equal up to their sign where there are `signs`, all others `low`;
           ///< each column has them in some row if there are at least cols / 16 rows
  peaks    ///< one large element in a random column, all others 0
};
struct row_pattern {
  rows_of what = rows_of::spikes;
  bool signs = false;
  float low = 0;
};

/// Fills a rows x cols matrix, rows ld apart, with such rows. T is float or __nv_bfloat16.
template <class T>
cudaError_t fill_rows(T* matrix, std::int64_t rows, std::int64_t cols, std::int64_t ld,
                      const row_pattern& pattern, cudaStream_t stream);

/// How many elements of p.out are further from float64 than rounding explains: the bounds are
/// derived in rowwise_verify.cu. NaN is wrong. Waits for `stream`.
template <class T>
std::int64_t count_wrong(const rowwise::softmax_problem<T>& p, stream_view stream);
template <class T>
std::int64_t count_wrong(const rowwise::norm_problem<T>& p, stream_view stream);

}  // namespace warpladder::bench
