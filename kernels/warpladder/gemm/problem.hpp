// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <warpladder/core/matrix.hpp>

namespace warpladder::gemm {

enum class transpose : bool { no = false, yes = true };

/// C = alpha * op(A) * op(B) + beta * C, all matrices row-major in device memory.
///
///   op(A) is m x k: A is stored m x k with rows lda apart, or k x m if trans_a == yes.
///   op(B) is k x n: B is stored k x n with rows ldb apart, or n x k if trans_b == yes.
///   C is m x n with rows ldc apart.
///
/// Sizes and leading dimensions count elements. Pointers need the alignment of T alone. C must not
/// overlap A or B, which are only read. As in BLAS: beta == 0 never reads C, and alpha == 0 or
/// k == 0 never reads A or B (NaNs there do not spread). Any of m, n, k, batch may be 0.
///
/// With batch > 1 the i-th product uses a + i * stride_a and so on; a stride of 0 shares an input.
template <class T>
struct problem {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::int64_t lda = 0;
  const T* b = nullptr;
  std::int64_t ldb = 0;
  T* c = nullptr;
  std::int64_t ldc = 0;
  T alpha = T(1), beta = T(0);
  transpose trans_a = transpose::no, trans_b = transpose::no;
  std::int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;

  /// Distances in elements: op(A)(i, k) is a[i * a_row() + k * a_col()], and so on.
  __host__ __device__ std::int64_t a_row() const { return trans_a == transpose::yes ? 1 : lda; }
  __host__ __device__ std::int64_t a_col() const { return trans_a == transpose::yes ? lda : 1; }
  __host__ __device__ std::int64_t b_row() const { return trans_b == transpose::yes ? 1 : ldb; }
  __host__ __device__ std::int64_t b_col() const { return trans_b == transpose::yes ? ldb : 1; }

  /// How many products to sum: k, unless alpha switches the product off.
  __host__ __device__ int depth() const { return alpha == T(0) ? 0 : int(k); }

  bool is_empty() const { return m == 0 || n == 0 || batch == 0; }
};

/// Writes one element of C: alpha * sum + beta * old, reading the old value only if beta asks.
template <class T>
__device__ __forceinline__ void store_scaled(T* c, T sum, T alpha, T beta) {
  *c = beta == T(0) ? alpha * sum : alpha * sum + beta * *c;
}

namespace detail {

using warpladder::detail::is_misaligned, warpladder::detail::matrix_extent,
    warpladder::detail::ranges_overlap;

/// The extent of a whole batch, with the same convention.
constexpr std::int64_t batch_extent(std::int64_t one, std::int64_t batch, std::int64_t stride) {
  if (one <= 0 || batch <= 1 || stride == 0) return one;
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  if (stride > (limit - one) / (batch - 1)) return -1;
  return (batch - 1) * stride + one;
}

/// explain_invalid() of any problem with these members; C may be of another type than A and B.
template <class Problem>
std::string_view explain_invalid_product(const Problem& p) {
  using input = std::remove_cvref_t<decltype(*p.a)>;
  using output = std::remove_cvref_t<decltype(*p.c)>;
  constexpr std::int64_t max_size = std::numeric_limits<std::int32_t>::max();
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.batch < 0) return "m, n, k and batch must not be negative";
  if (p.m > max_size || p.n > max_size || p.k > max_size || p.batch > max_size)
    return "m, n, k and batch must each be below 2^31";
  if (p.stride_a < 0 || p.stride_b < 0 || p.stride_c < 0)
    return "stride_a, stride_b and stride_c must not be negative";

  const bool ta = p.trans_a == transpose::yes, tb = p.trans_b == transpose::yes;
  const std::int64_t a_rows = ta ? p.k : p.m, a_cols = ta ? p.m : p.k;
  const std::int64_t b_rows = tb ? p.n : p.k, b_cols = tb ? p.k : p.n;
  if (p.lda < a_cols || p.lda < 1)
    return ta ? "lda must be at least max(1, m): A is transposed, its rows hold m elements"
              : "lda must be at least max(1, k): the rows of A hold k elements";
  if (p.ldb < b_cols || p.ldb < 1)
    return tb ? "ldb must be at least max(1, k): B is transposed, its rows hold k elements"
              : "ldb must be at least max(1, n): the rows of B hold n elements";
  if (p.ldc < p.n || p.ldc < 1)
    return "ldc must be at least max(1, n): the rows of C hold n elements";
  if (p.is_empty()) return {};

  const std::int64_t a_one = matrix_extent(a_rows, a_cols, p.lda);
  const std::int64_t b_one = matrix_extent(b_rows, b_cols, p.ldb);
  const std::int64_t c_one = matrix_extent(p.m, p.n, p.ldc);
  const std::int64_t a_all = batch_extent(a_one, p.batch, p.stride_a);
  const std::int64_t b_all = batch_extent(b_one, p.batch, p.stride_b);
  const std::int64_t c_all = batch_extent(c_one, p.batch, p.stride_c);
  constexpr std::int64_t max_extent =
      (std::int64_t{1} << 62) / std::int64_t(std::max(sizeof(input), sizeof(output)));
  if (a_all < 0 || b_all < 0 || c_all < 0 || a_all > max_extent || b_all > max_extent ||
      c_all > max_extent)
    return "a matrix spans more memory than an address can reach: check the leading dimensions";

  if (p.c == nullptr) return "c is null";
  if (is_misaligned(p.c)) return "c is not aligned to its element type";
  if (p.batch > 1 && p.stride_c < c_one)
    return "stride_c is smaller than one C matrix: the products of the batch would overlap";
  if (p.k == 0 || p.alpha == 0) return {};  // A and B are never read

  if (p.a == nullptr) return "a is null";
  if (p.b == nullptr) return "b is null";
  if (is_misaligned(p.a)) return "a is not aligned to its element type";
  if (is_misaligned(p.b)) return "b is not aligned to its element type";
  if (ranges_overlap(p.c, c_all, p.a, a_all)) return "c overlaps a";
  if (ranges_overlap(p.c, c_all, p.b, b_all)) return "c overlaps b";
  return {};
}

}  // namespace detail

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T>
std::string_view explain_invalid(const problem<T>& p) {
  return detail::explain_invalid_product(p);
}

}  // namespace warpladder::gemm
