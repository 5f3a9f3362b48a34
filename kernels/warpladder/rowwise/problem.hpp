// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/element.hpp>
#include <warpladder/core/matrix.hpp>

namespace warpladder::rowwise {

/// out(i, j) = exp(in(i, j) - m) / sum over k of exp(in(i, k) - m), with m the largest of row i.
///
/// Both matrices are rows x cols, row-major in device memory, with rows ld_in and ld_out elements
/// apart. T is float or __nv_bfloat16; the arithmetic is float. Pointers need the alignment of T
/// alone. In place (out == in, ld_out == ld_in) is legal, any other overlap is not; sizes may be 0.
/// A row with a NaN or +infinity becomes NaN all over; -infinity becomes 0, and a row of nothing
/// but -infinity NaN, as the formula says.
template <class T>
struct softmax_problem {
  std::int64_t rows = 0, cols = 0;
  const T* in = nullptr;
  std::int64_t ld_in = 0;
  T* out = nullptr;
  std::int64_t ld_out = 0;

  __host__ __device__ bool is_empty() const { return rows == 0 || cols == 0; }
};

/// The mean that a norm takes away: of the row (layernorm), or none (RMSnorm).
enum class norm { layer, rms };

/// out(i, j) = (in(i, j) - mean_i) / sqrt(variance_i + epsilon) * weight[j] + bias[j], where
/// variance_i is the mean of (in(i, k) - mean_i)^2, and mean_i is 0 for norm::rms.
/// `weight` and `bias` have cols elements; null means ones and zeros. epsilon is not negative.
/// The rest as for softmax_problem; a row with a NaN or an infinity becomes NaN where the formula
/// says so. Squares must stay within the range of float: beyond it the variance is infinite and the
/// row becomes its bias. With epsilon 0 a constant row is 0 / 0: NaN where its mean is exact, else
/// rounding errors scaled up.
template <class T>
struct norm_problem {
  norm what = norm::layer;
  std::int64_t rows = 0, cols = 0;
  const T* in = nullptr;
  std::int64_t ld_in = 0;
  T* out = nullptr;
  std::int64_t ld_out = 0;
  const T* weight = nullptr;
  const T* bias = nullptr;
  float epsilon = 1e-5f;

  __host__ __device__ bool is_empty() const { return rows == 0 || cols == 0; }
};

namespace detail {

template <class Problem>
std::string_view explain_invalid_rows(const Problem& p) {
  using warpladder::detail::is_misaligned, warpladder::detail::matrix_extent;
  if (p.rows < 0 || p.cols < 0) return "rows and cols must not be negative";
  if (p.ld_in < p.cols || p.ld_in < 1)
    return "ld_in must be at least max(1, cols): the rows of in hold cols elements";
  if (p.ld_out < p.cols || p.ld_out < 1)
    return "ld_out must be at least max(1, cols): the rows of out hold cols elements";
  if (p.is_empty()) return {};
  constexpr std::int64_t max_extent = (std::int64_t{1} << 62) / sizeof(*p.in);
  const std::int64_t in_extent = matrix_extent(p.rows, p.cols, p.ld_in);
  const std::int64_t out_extent = matrix_extent(p.rows, p.cols, p.ld_out);
  if (in_extent < 0 || out_extent < 0 || in_extent > max_extent || out_extent > max_extent)
    return "a matrix spans more memory than an address can reach: check the leading dimensions";
  if (p.in == nullptr) return "in is null";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  if (is_misaligned(p.out)) return "out is not aligned to its element type";
  const bool in_place = p.in == p.out && p.ld_in == p.ld_out;
  using element = std::remove_cvref_t<decltype(*p.out)>;
  if (!in_place && warpladder::detail::windows_overlap<element>(p.in, p.rows, p.cols, p.ld_in,
                                                                p.out, p.rows, p.cols, p.ld_out))
    return "out overlaps in: it must be the same matrix, or lie apart";
  return {};
}

}  // namespace detail

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T>
std::string_view explain_invalid(const softmax_problem<T>& p) {
  return detail::explain_invalid_rows(p);
}

template <class T>
std::string_view explain_invalid(const norm_problem<T>& p) {
  using warpladder::detail::is_misaligned, warpladder::detail::windows_overlap;
  if (!(p.epsilon >= 0)) return "epsilon must not be negative";
  if (const auto reason = detail::explain_invalid_rows(p); !reason.empty() || p.is_empty())
    return reason;
  const T* const per_column_arrays[] = {p.weight, p.bias};
  for (const T* per_column : per_column_arrays) {
    if (per_column == nullptr) continue;
    if (is_misaligned(per_column)) return "weight or bias is not aligned to its element type";
    if (windows_overlap<T>(per_column, 1, p.cols, p.cols, p.out, p.rows, p.cols, p.ld_out))
      return "out overlaps weight or bias";
  }
  return {};
}

}  // namespace warpladder::rowwise
