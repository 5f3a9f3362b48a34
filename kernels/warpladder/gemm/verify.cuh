// SPDX-License-Identifier: Apache-2.0
//
// The judge of every rung: C against a float64 computation of the same problem, element by element,
// with a bound that comes from the arithmetic and not from taste.
//
// Bound: a sum of k products in precision u, in any order, with or without fused multiply-add, errs
// by at most gamma_k * sum |a||b| with gamma_k = k u / (1 - k u); scaling by alpha and adding
// beta * C adds three roundings (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
// sections 3.1 and 3.5). Underflow adds at most one smallest subnormal per operation.
// A NaN is right only where the reference has a NaN, an infinity only where it has the same one.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/gemm/problem.hpp>
#include <warpladder/gemm/verification.hpp>

namespace warpladder::gemm {

/// One thread per element of C; `before` holds C as it was (same layout), read only if beta != 0.
template <class T>
__global__ void __launch_bounds__(256)
    verify_kernel(problem<T> p, const T* before, double unit_roundoff, double smallest,
                  double largest, verification* result) {
  const std::int64_t tiles_across = (p.n + 31) / 32;
  const std::int64_t row = std::int64_t(blockIdx.x / tiles_across) * 8 + threadIdx.y;
  const std::int64_t col = std::int64_t(blockIdx.x % tiles_across) * 32 + threadIdx.x;
  if (row >= p.m || col >= p.n) return;

  for (std::int64_t batch = blockIdx.y; batch < p.batch; batch += gridDim.y) {
    const T* a = p.a + batch * p.stride_a + row * p.a_row();
    const T* b = p.b + batch * p.stride_b + col * p.b_col();
    const std::int64_t c_index = batch * p.stride_c + row * p.ldc + col;
    double sum = 0, magnitude = 0;
    for (int k = 0; k < p.depth(); ++k) {
      const double product = double(a[k * p.a_col()]) * double(b[k * p.b_row()]);
      sum += product;
      magnitude += fabs(product);
    }
    double expected = double(p.alpha) * sum;
    magnitude *= fabs(double(p.alpha));
    if (p.beta != T(0)) {
      const double old = double(p.beta) * double(before[c_index]);
      expected += old;
      magnitude += fabs(old);
    }

    const double roundings = double(p.depth()) + 3;
    const double gamma = roundings * unit_roundoff / (1 - roundings * unit_roundoff);
    const double bound = gamma * magnitude + roundings * smallest * (1 + fabs(double(p.alpha)));
    const double got = double(p.c[c_index]);
    const double error = fabs(got - expected);
    bool right;
    if (isnan(expected)) {
      right = isnan(got);
    } else if (isinf(expected)) {
      right = got == expected;
    } else if (fabs(expected) + bound > largest) {  // may overflow to an infinity of its sign
      right = error <= bound || (isinf(got) && (got > 0) == (expected > 0));
    } else {
      right = error <= bound;  // false for NaN
      const double permille = right && bound > 0 ? 1000 * error / bound : 0;
      atomicMax(&result->worst_permille, static_cast<unsigned>(permille));
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
/// beta == 0) and `result` device memory. Asynchronous; O(m n k) float64 operations.
template <class T>
cudaError_t verify(const problem<T>& p, const T* before, verification* result,
                   cudaStream_t stream) {
  if (const cudaError_t status = cudaMemsetAsync(result, 0, sizeof *result, stream);
      status != cudaSuccess || p.is_empty())
    return status;
  using limits = std::numeric_limits<T>;
  const std::int64_t tiles = ceil_div<std::int64_t>(p.m, 8) * ceil_div<std::int64_t>(p.n, 32);
  if (tiles > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>(tiles),
                  static_cast<unsigned>(p.batch < 65535 ? p.batch : 65535));
  return warpladder::launch_kernel(
      verify_kernel<T>, {.grid = grid, .block = dim3(32, 8), .stream = stream}, p, before,
      double(limits::epsilon()) / 2, double(limits::denorm_min()), double(limits::max()), result);
}

}  // namespace warpladder::gemm
