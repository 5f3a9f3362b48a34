// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <warpladder/core/operations.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm_tc {

using gemm::transpose;

/// What tensor cores add up in: int32 for int8, float for all others.
template <class In>
using accumulator_t = std::conditional_t<std::is_same_v<In, std::int8_t>, std::int32_t, float>;

/// The first compute capability whose tensor cores multiply this type: that of warp_mma<In>.
template <class In>
inline constexpr int first_compute_capability = sizeof(In) == 1 && !std::is_same_v<In, std::int8_t>
                                                    ? 89
                                                    : 80;

/// The epilogue that changes nothing. An epilogue is a small struct that a problem carries by value
/// to the device: operator()(value, row, col, batch) is called once per element of C, in any order,
/// and returns what is to be rounded to the output type. epilogue.cuh has the usual ones.
struct no_epilogue {
  template <class T>
  __device__ T operator()(T value, std::int64_t, std::int64_t, std::int64_t) const {
    return value;
  }
};

/// C = epilogue(alpha * op(A) * op(B) + beta * C), all matrices row-major in device memory.
///
///   op(A) is m x k: A is stored m x k with rows lda apart, or k x m if trans_a == yes.
///   op(B) is k x n: B is stored k x n with rows ldb apart, or n x k if trans_b == yes.
///   C is m x n with rows ldc apart.
///
/// In -> what is multiplied, and added up in:
///   __nv_bfloat16, __half             exact products, float sums
///   float                             tf32: the upper 10 of 23 bits of fraction, float sums
///   __nv_fp8_e4m3, __nv_fp8_e5m2      exact products, float sums (see verify.cuh: of fewer bits)
///   std::int8_t                       exact products, int32 sums that wrap around
/// Out: __nv_bfloat16, __half or float; std::int32_t for int8; behind an epilogue, whatever can be
/// made of what that returns. One rounding to nearest even at the end.
///
/// Sizes, leading dimensions and strides count elements, none is negative. Pointers need the
/// alignment of their type alone. C must not overlap A or B, which are only read. As in BLAS: beta
/// == 0 never reads C, and alpha == 0 or k == 0 never reads A or B. Any of m, n, k, batch may be 0.
///
/// With batch > 1 the i-th product uses a + i * stride_a and so on; a stride of 0 shares an input.
template <class In, class Out, class Epilogue = no_epilogue>
struct problem {
  using input = In;
  using output = Out;
  using scalar = accumulator_t<In>;

  std::int64_t m = 0, n = 0, k = 0;
  const In* a = nullptr;
  std::int64_t lda = 0;
  const In* b = nullptr;
  std::int64_t ldb = 0;
  Out* c = nullptr;
  std::int64_t ldc = 0;
  scalar alpha = 1, beta = 0;
  transpose trans_a = transpose::no, trans_b = transpose::no;
  std::int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;
  Epilogue epilogue = {};

  /// Distances in elements: op(A)(i, k) is a[i * a_row() + k * a_col()], and so on.
  __host__ __device__ std::int64_t a_row() const { return trans_a == transpose::yes ? 1 : lda; }
  __host__ __device__ std::int64_t a_col() const { return trans_a == transpose::yes ? lda : 1; }
  __host__ __device__ std::int64_t b_row() const { return trans_b == transpose::yes ? 1 : ldb; }
  __host__ __device__ std::int64_t b_col() const { return trans_b == transpose::yes ? ldb : 1; }

  /// How many products to sum: k, unless alpha switches the product off.
  __host__ __device__ int depth() const { return alpha == scalar(0) ? 0 : int(k); }

  bool is_empty() const { return m == 0 || n == 0 || batch == 0; }
};

// Integers wrap around, to the last step.
using warpladder::detail::wrapping_add, warpladder::detail::wrapping_product;

/// The last steps of one element: scale, add the old C if beta asks, epilogue, round, store.
template <class Problem>
__device__ __forceinline__ void finish(const Problem& p, typename Problem::scalar sum,
                                       std::int64_t row, std::int64_t col, std::int64_t batch) {
  using scalar = typename Problem::scalar;
  auto* const c = p.c + batch * p.stride_c + row * p.ldc + col;
  scalar value = wrapping_product(p.alpha, sum);
  if (p.beta != scalar(0)) value = wrapping_add(value, wrapping_product(p.beta, scalar(*c)));
  *c = typename Problem::output(p.epilogue(value, row, col, batch));
}

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class In, class Out, class Epilogue>
std::string_view explain_invalid(const problem<In, Out, Epilogue>& p) {
  return gemm::detail::explain_invalid_product(p);
}

}  // namespace warpladder::gemm_tc
