// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>
#include <warpladder/core/operations.hpp>

namespace warpladder::reduce {

/// *out = finish(combine of lift(in[i], i) for all i < n), in device memory.
///
/// Pointers need the alignment of their type alone; n may be 0 (then `in` may be null) and beyond
/// 2^31. `out` must not lie in `in`. For operations with two inputs `with` is the second array.
template <class T, class Op = sum<T>>
struct problem {
  static_assert(std::is_same_v<T, typename Op::input>, "the operation is one on other elements");
  std::int64_t n = 0;
  const T* in = nullptr;
  typename Op::result* out = nullptr;
  Op op = {};
  const T* with = nullptr;
};

/// The direction in which a segmented reduction runs through its matrix.
enum class along { rows, columns };

/// A reduction for each row, out[i] over in(i, 0) ... in(i, cols - 1), or for each column, out[j]
/// over in(0, j) ... in(rows - 1, j), of a row-major matrix with rows ld apart. The index that
/// lift() gets is the position within the row or column. Sizes may be 0: of nothing, the result is
/// finish(identity()).
template <class T, class Op = sum<T>>
struct segmented_problem {
  static_assert(std::is_same_v<T, typename Op::input>, "the operation is one on other elements");
  static_assert(Op::inputs == 1, "segmented reductions have one input");
  along axis = along::rows;
  std::int64_t rows = 0, cols = 0;
  const T* in = nullptr;
  std::int64_t ld = 0;
  typename Op::result* out = nullptr;
  Op op = {};

  __host__ __device__ std::int64_t segments() const { return axis == along::rows ? rows : cols; }
  __host__ __device__ std::int64_t length() const { return axis == along::rows ? cols : rows; }
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T, class Op>
std::string_view explain_invalid(const problem<T, Op>& p) {
  using warpladder::detail::is_misaligned;
  constexpr std::int64_t max_extent = (std::int64_t{1} << 62) / sizeof(T);
  if (p.n < 0) return "n must not be negative";
  if (p.n > max_extent) return "the array spans more memory than an address can reach: check n";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.out)) return "out is not aligned to its type";
  if (p.n == 0) return {};
  if (p.in == nullptr) return "in is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  if (Op::inputs == 2 && p.with == nullptr) return "with is null: the operation has two inputs";
  if (Op::inputs == 2 && is_misaligned(p.with)) return "with is not aligned to its element type";
  const auto holds_out = [&](const T* array) {
    const auto begin = reinterpret_cast<std::uintptr_t>(array);
    const auto at = reinterpret_cast<std::uintptr_t>(p.out);
    return array != nullptr && at + sizeof(*p.out) > begin &&
           at < begin + std::uintptr_t(p.n) * sizeof(T);
  };
  if (holds_out(p.in) || (Op::inputs == 2 && holds_out(p.with))) return "out overlaps an input";
  return {};
}

template <class T, class Op>
std::string_view explain_invalid(const segmented_problem<T, Op>& p) {
  using warpladder::detail::is_misaligned, warpladder::detail::matrix_extent;
  constexpr std::int64_t max_extent = (std::int64_t{1} << 62) / sizeof(T);
  if (p.rows < 0 || p.cols < 0) return "rows and cols must not be negative";
  if (p.ld < p.cols || p.ld < 1)
    return "ld must be at least max(1, cols): the rows of in hold cols elements";
  if (p.segments() == 0) return {};
  if (p.segments() > (std::int64_t{1} << 62) / std::int64_t{sizeof(*p.out)})
    return "out spans more memory than an address can reach: check rows and cols";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.out)) return "out is not aligned to its type";
  if (p.length() == 0) return {};
  const std::int64_t extent = matrix_extent(p.rows, p.cols, p.ld);
  if (extent < 0 || extent > max_extent)
    return "the matrix spans more memory than an address can reach: check ld";
  if (p.in == nullptr) return "in is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  const auto begin = reinterpret_cast<std::uintptr_t>(p.in);
  const auto out = reinterpret_cast<std::uintptr_t>(p.out);
  if (out + std::uintptr_t(p.segments()) * sizeof(*p.out) > begin &&
      out < begin + std::uintptr_t(extent) * sizeof(T))
    return "out overlaps in";
  return {};
}

}  // namespace warpladder::reduce
