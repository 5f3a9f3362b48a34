// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

/// An epilogue of a grouped product as an ordinary problem calls it: always for product 0.
template <class Epilogue>
struct in_group {
  Epilogue epilogue = {};
  std::int64_t group = 0;

  template <class X>
  __device__ auto operator()(X x, std::int64_t row, std::int64_t col, std::int64_t) const {
    return epilogue(x, row, col, group);
  }
};

/// Many products in one launch, each with its own number of rows and its own B, as the experts of a
/// layer have them. For each group g and each row r in row_offsets[g] <= r < row_offsets[g + 1]:
///
///   C[r] = epilogue(alpha * A[r] * op(B_g))
///
///   A is rows x k, rows lda apart, C is rows x n, rows ldc apart: row-major, the rows of a group
///   one behind the other, those of the groups too.
///   op(B_g) is k x n and begins at b + g * stride_b: it is stored k x n with rows ldb apart, or n
///   x k if trans_b == yes. A stride of 0 shares one B.
///   row_offsets are groups + 1 numbers in DEVICE memory: an exclusive sum of how many rows each
///   group has. A kernel reads them, so an earlier kernel of the stream may write them, and a graph
///   of both may be replayed with another routing every time. int32, because routing kernels count
///   in it and rows is below 2^31 anyway.
///
/// The host knows `rows` alone, which A and C have room for. Groups may be empty, and begin and end
/// at any row. Rows that are in no group (before the first, behind the last) stay as they are, and
/// what A has there does not matter, NaN included. Offsets must not fall; what C holds if they do
/// is undefined. Offsets outside of 0 ... rows are taken for the nearer of the two. So whatever the
/// offsets are, nothing outside of A is read and nothing outside of C is written.
///
/// Sizes and distances count elements. Pointers need the alignment of their type alone, but there
/// is a kernel only for problems whose A and B begin all rows (and B_g) on 16 bytes. C must not
/// overlap A, B or row_offsets. alpha == 0 or k == 0 never reads A or B. Any of rows, n, k, groups
/// may be 0. An epilogue gets the row in C, the column and the group: bias{values, .stride = n}
/// adds a row of biases per group. To add the product to C: epilogue residual<Out>{c, ldc}.
template <class In, class Out, class Epilogue = no_epilogue>
struct grouped_problem {
  using input = In;
  using output = Out;
  using scalar = accumulator_t<In>;
  /// What kernels compute: one group's product.
  using product = problem<
      In, Out,
      std::conditional_t<std::is_same_v<Epilogue, no_epilogue>, no_epilogue, in_group<Epilogue>>>;

  std::int64_t rows = 0, n = 0, k = 0, groups = 0;
  const std::int32_t* row_offsets = nullptr;
  const In* a = nullptr;
  std::int64_t lda = 0;
  const In* b = nullptr;
  std::int64_t ldb = 0, stride_b = 0;
  Out* c = nullptr;
  std::int64_t ldc = 0;
  transpose trans_b = transpose::no;
  scalar alpha = 1;
  Epilogue epilogue = {};

  /// All of A times the B of one group, up to the row `end`. With the tiles that begin at the
  /// group's first row, that is the group's product, and rows keep their numbers.
  __host__ __device__ product of_group(std::int64_t group, std::int64_t end) const {
    product p;
    p.m = end, p.n = n, p.k = k;
    p.a = a, p.lda = lda;
    p.b = b + group * stride_b, p.ldb = ldb, p.trans_b = trans_b;
    p.c = c, p.ldc = ldc;
    p.alpha = alpha;
    if constexpr (!std::is_same_v<Epilogue, no_epilogue>) p.epilogue = {epilogue, group};
    return p;
  }

  /// How many products to sum: k, unless alpha switches the product off.
  __host__ __device__ int depth() const { return alpha == scalar(0) ? 0 : int(k); }

  bool is_empty() const { return rows == 0 || n == 0 || groups == 0; }
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory,
/// so it says nothing about row_offsets' values.
template <class In, class Out, class Epilogue>
std::string_view explain_invalid(const grouped_problem<In, Out, Epilogue>& p) {
  using namespace gemm::detail;
  constexpr std::int64_t max_size = std::numeric_limits<std::int32_t>::max();
  if (p.rows < 0 || p.n < 0 || p.k < 0 || p.groups < 0)
    return "rows, n, k and groups must not be negative";
  if (p.rows > max_size || p.n > max_size || p.k > max_size || p.groups >= max_size)
    return "rows, n, k and groups must each be below 2^31";
  if (p.stride_b < 0) return "stride_b must not be negative";
  auto whole = p.of_group(0, p.rows);
  if (p.groups == 0) whole.batch = 0;
  if (const auto reason = explain_invalid_product(whole); !reason.empty()) return reason;
  if (p.is_empty()) return {};

  if (p.row_offsets == nullptr) return "row_offsets is null";
  if (is_misaligned(p.row_offsets)) return "row_offsets is not aligned to 4 bytes";
  const std::int64_t c_all = matrix_extent(p.rows, p.n, p.ldc);
  if (ranges_overlap(p.c, c_all, p.row_offsets, p.groups + 1)) return "c overlaps row_offsets";
  if (p.depth() == 0) return {};  // B is never read

  const bool tb = p.trans_b == transpose::yes;
  const std::int64_t b_one = matrix_extent(tb ? p.n : p.k, tb ? p.k : p.n, p.ldb);
  const std::int64_t b_all = batch_extent(b_one, p.groups, p.stride_b);
  if (b_all < 0 || b_all > (std::int64_t{1} << 62) / std::int64_t{sizeof(In)})
    return "the matrices B span more memory than an address can reach: check stride_b";
  if (ranges_overlap(p.c, c_all, p.b, b_all)) return "c overlaps b";
  return {};
}

}  // namespace warpladder::gemm_tc
