// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Where a row-major matrix with a leading dimension lies, for checks of validity. Nothing here
// reads device memory.

namespace warpladder::detail {

/// One past the last element of a rows x cols matrix, counted from its first, or -1 if the count
/// does not fit into 62 bits (far beyond any address space).
constexpr std::int64_t matrix_extent(std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  if (rows == 0 || cols == 0) return 0;
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  if (rows > 1 && ld > (limit - cols) / (rows - 1)) return -1;
  return (rows - 1) * ld + cols;
}

template <class X, class Y>
bool ranges_overlap(const X* x, std::int64_t x_extent, const Y* y, std::int64_t y_extent) {
  const auto x0 = reinterpret_cast<std::uintptr_t>(x), y0 = reinterpret_cast<std::uintptr_t>(y);
  return x0 < y0 + y_extent * sizeof(Y) && y0 < x0 + x_extent * sizeof(X);
}

template <class T>
bool is_misaligned(const T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignof(T) != 0;
}

/// Do two matrices share an element? Exact where both are windows into one matrix (equal leading
/// dimensions): windows side by side have overlapping ranges and no common element. Otherwise the
/// ranges decide. Both extents must be valid, both leading dimensions at least the columns.
template <class T>
bool windows_overlap(const T* x, std::int64_t x_rows, std::int64_t x_cols, std::int64_t x_ld,
                     const T* y, std::int64_t y_rows, std::int64_t y_cols, std::int64_t y_ld) {
  if (!ranges_overlap(x, matrix_extent(x_rows, x_cols, x_ld), y,
                      matrix_extent(y_rows, y_cols, y_ld)))
    return false;
  const auto x0 = reinterpret_cast<std::uintptr_t>(x), y0 = reinterpret_cast<std::uintptr_t>(y);
  if (x0 > y0) return windows_overlap(y, y_rows, y_cols, y_ld, x, x_rows, x_cols, x_ld);
  if (x_ld != y_ld || (y0 - x0) % sizeof(T) != 0) return true;
  // y begins at (row, col) of the matrix that x is the corner of; its rows may wrap around.
  const auto distance = static_cast<std::int64_t>((y0 - x0) / sizeof(T));
  const std::int64_t row = distance / x_ld, col = distance % x_ld;
  return (col < x_cols && row < x_rows) || (col + y_cols > x_ld && row + 1 < x_rows);
}

}  // namespace warpladder::detail
