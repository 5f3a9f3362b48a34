// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>

namespace warpladder::memory {

/// out(j, i) = in(i, j): `in` is rows x cols with rows ld_in apart, `out` cols x rows with rows
/// ld_out apart, both row-major in device memory.
///
/// Sizes and leading dimensions count elements. T is trivially copyable; pointers need the
/// alignment of T alone. No element of `out` may be an element of `in`, but both may be windows
/// into one matrix. What lies between the rows is neither read nor written. Sizes may be 0.
template <class T>
struct transpose_problem {
  std::int64_t rows = 0, cols = 0;
  const T* in = nullptr;
  std::int64_t ld_in = 0;
  T* out = nullptr;
  std::int64_t ld_out = 0;

  __host__ __device__ std::int64_t out_rows() const { return cols; }
  __host__ __device__ std::int64_t out_cols() const { return rows; }
  bool is_empty() const { return rows == 0 || cols == 0; }
};

/// out(i, j) = in(i, j): both are rows x cols. The rest as for transpose_problem.
template <class T>
struct copy_problem {
  std::int64_t rows = 0, cols = 0;
  const T* in = nullptr;
  std::int64_t ld_in = 0;
  T* out = nullptr;
  std::int64_t ld_out = 0;

  __host__ __device__ std::int64_t out_rows() const { return rows; }
  __host__ __device__ std::int64_t out_cols() const { return cols; }
  bool is_empty() const { return rows == 0 || cols == 0; }
};

namespace detail {

template <class T, template <class> class Problem>
std::string_view explain_invalid_move(const Problem<T>& p, std::string_view short_ld_out) {
  using warpladder::detail::is_misaligned, warpladder::detail::matrix_extent;
  if (p.rows < 0 || p.cols < 0) return "rows and cols must not be negative";
  if (p.ld_in < p.cols || p.ld_in < 1)
    return "ld_in must be at least max(1, cols): the rows of in hold cols elements";
  if (p.ld_out < p.out_cols() || p.ld_out < 1) return short_ld_out;
  if (p.is_empty()) return {};

  constexpr std::int64_t max_extent = (std::int64_t{1} << 62) / sizeof(T);
  const std::int64_t in_extent = matrix_extent(p.rows, p.cols, p.ld_in);
  const std::int64_t out_extent = matrix_extent(p.out_rows(), p.out_cols(), p.ld_out);
  if (in_extent < 0 || out_extent < 0 || in_extent > max_extent || out_extent > max_extent)
    return "a matrix spans more memory than an address can reach: check the leading dimensions";

  if (p.in == nullptr) return "in is null";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  if (is_misaligned(p.out)) return "out is not aligned to its element type";
  if (warpladder::detail::windows_overlap<T>(p.in, p.rows, p.cols, p.ld_in, p.out, p.out_rows(),
                                             p.out_cols(), p.ld_out))
    return "out overlaps in";
  return {};
}

}  // namespace detail

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T>
std::string_view explain_invalid(const transpose_problem<T>& p) {
  return detail::explain_invalid_move(
      p, "ld_out must be at least max(1, rows): the rows of out hold rows elements");
}

template <class T>
std::string_view explain_invalid(const copy_problem<T>& p) {
  return detail::explain_invalid_move(
      p, "ld_out must be at least max(1, cols): the rows of out hold cols elements");
}

}  // namespace warpladder::memory
