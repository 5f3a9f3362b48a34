// SPDX-License-Identifier: Apache-2.0
//
// The judge of every rung: C against a float64 computation of the same problem, element by element,
// with a bound that comes from the arithmetic and not from taste.
//
// Bound, with S = |alpha| sum |a||b| + |beta C|, and the constants of arithmetic.hpp:
//   inputs    each product is off by (1 + input_error)^2 - 1 of itself: tf32 reads fewer bits
//   sums      in any order, each of the roundings(k) truncations loses at most addition_error of
//             the largest number that it can meet, which is S (the model of Higham, Accuracy and
//             Stability of Numerical Algorithms, 2nd ed., section 4.2, with truncation)
//   output    half a unit in the last place, or half the smallest subnormal number
// For 8-bit floats the second is honest and loose: with k = 4096 it forgives half of S. A product
// that is forgotten is found by `sums::exact`: inputs so small and whole that nothing may round.
//
// int8 is not judged but compared: all arithmetic is modulo 2^32.
//
// A NaN is right only where the reference has one, an infinity only where it has the same one, or
// where a partial sum or the rounded result may pass the largest number.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/gemm_tc/arithmetic.hpp>
#include <warpladder/gemm_tc/problem.hpp>
#include <warpladder/gemm_tc/verification.hpp>

namespace warpladder::gemm_tc {

namespace detail {

/// What an element should be, and by how much it may differ.
struct expectation {
  double value, bound;
  bool may_overflow;
};

template <class Problem>
__device__ expectation expect_real(const Problem& p, const typename Problem::output* before,
                                   std::int64_t row, std::int64_t col, std::int64_t batch) {
  using facts = arithmetic<typename Problem::input>;
  using stored = storage<typename Problem::output>;
  using partial = storage<float>;
  const auto* a = p.a + batch * p.stride_a + row * p.a_row();
  const auto* b = p.b + batch * p.stride_b + col * p.b_col();
  constexpr double least = facts::input_error > 0 ? 0x1p-126 : 0;  // subnormal: absolute error
  double sum = 0, magnitude = 0;
  for (int k = 0; k < p.depth(); ++k) {
    const double x = double(float(a[k * p.a_col()])), y = double(float(b[k * p.b_row()]));
    sum += x * y;
    magnitude += fmax(fabs(x), least) * fmax(fabs(y), least);
  }
  const double alpha = fabs(double(p.alpha));
  double expected = double(p.alpha) * sum, scaled = alpha * magnitude;
  if (p.depth() == 0) expected = scaled = magnitude = 0;
  if (p.beta != 0) {
    const double old =
        double(p.beta) * double(float(before[batch * p.stride_c + row * p.ldc + col]));
    expected += old;
    scaled += fabs(old);
  }
  const double steps = roundings(p.depth());
  const double inputs = facts::input_error * (2 + facts::input_error);
  double bound = scaled * (inputs + steps * facts::addition_error * (1 + inputs)) +
                 steps * partial::smallest * (1 + alpha);
  bound += stored::unit_roundoff * (fabs(expected) + bound) + stored::smallest / 2;
  return {expected, bound,
          fabs(expected) + bound > stored::largest ||
              fmax(magnitude, scaled) * (1 + inputs) > partial::largest};
}

/// Modulo 2^32, like the hardware.
template <class Problem>
__device__ std::uint32_t expect_whole(const Problem& p, const std::int32_t* before,
                                      std::int64_t row, std::int64_t col, std::int64_t batch) {
  const auto* a = p.a + batch * p.stride_a + row * p.a_row();
  const auto* b = p.b + batch * p.stride_b + col * p.b_col();
  std::uint32_t sum = 0;
  for (int k = 0; k < p.depth(); ++k)
    sum += std::uint32_t(std::int32_t(a[k * p.a_col()]) * std::int32_t(b[k * p.b_row()]));
  std::uint32_t expected = std::uint32_t(p.alpha) * sum;
  if (p.beta != 0)
    expected +=
        std::uint32_t(p.beta) * std::uint32_t(before[batch * p.stride_c + row * p.ldc + col]);
  return expected;
}

}  // namespace detail

/// One thread per element of C in the rows 0, row_step, 2 row_step ...; `before` holds C as it was
/// (same layout), read only if beta != 0.
template <class Problem>
__global__ void __launch_bounds__(256)
    verify_kernel(Problem p, const typename Problem::output* before, sums kind, int row_step,
                  verification* result) {
  using output = typename Problem::output;
  const std::int64_t tiles_across = (p.n + 31) / 32;
  const std::int64_t row =
      (std::int64_t(blockIdx.x / tiles_across) * 8 + threadIdx.y) * std::int64_t{row_step};
  const std::int64_t col = std::int64_t(blockIdx.x % tiles_across) * 32 + threadIdx.x;
  if (row >= p.m || col >= p.n) return;

  for (std::int64_t batch = blockIdx.y; batch < p.batch; batch += gridDim.y) {
    const output stored = p.c[batch * p.stride_c + row * p.ldc + col];
    double got, expected, bound = 0;
    bool right;
    if constexpr (std::is_same_v<output, std::int32_t>) {
      const auto whole = std::int32_t(detail::expect_whole(p, before, row, col, batch));
      got = stored, expected = whole;
      right = stored == whole;
    } else {
      const auto want = detail::expect_real(p, before, row, col, batch);
      got = double(float(stored)), expected = want.value;
      if (isnan(expected)) {
        right = isnan(got);
      } else if (isinf(expected)) {
        right = got == expected;
      } else if (kind == sums::exact) {
        expected = double(float(output(float(expected))));
        right = got == expected;
      } else {
        bound = want.bound;
        const double error = fabs(got - expected);
        right = error <= bound || (want.may_overflow && !isfinite(got));
        const double permille = error <= bound && bound > 0 ? 1000 * error / bound : 0;
        atomicMax(&result->worst_permille, static_cast<unsigned>(permille));
      }
    }
    atomicAdd(&result->checked, 1ull);
    if (!right) {
      atomicAdd(&result->wrong, 1ull);
      if (atomicExch(&result->claimed, 1u) == 0) {
        result->batch = batch, result->row = row, result->col = col;
        result->got = got, result->expected = expected, result->bound = bound;
      }
    }
  }
}

/// Checks p.c against the float64 answer; `before` is C before the rung ran (ignored if
/// beta == 0) and `result` device memory. Asynchronous; O(m n k) float64 operations. row_step > 1
/// looks at every row_step-th row only; a number that is coprime to all tiles meets each of them.
template <class In, class Out>
cudaError_t verify(const problem<In, Out>& p, const Out* before, verification* result,
                   cudaStream_t stream, sums kind = sums::rounded, int row_step = 1) {
  if (row_step < 1) return cudaErrorInvalidValue;
  if (const cudaError_t status = cudaMemsetAsync(result, 0, sizeof *result, stream);
      status != cudaSuccess || p.is_empty())
    return status;
  const std::int64_t rows = ceil_div<std::int64_t>(p.m, row_step);
  const std::int64_t tiles = ceil_div<std::int64_t>(rows, 8) * ceil_div<std::int64_t>(p.n, 32);
  if (tiles > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>(tiles),
                  static_cast<unsigned>(p.batch < 65535 ? p.batch : 65535));
  return warpladder::launch_kernel(verify_kernel<problem<In, Out>>,
                                   {.grid = grid, .block = dim3(32, 8), .stream = stream}, p,
                                   before, kind, row_step, result);
}

}  // namespace warpladder::gemm_tc
