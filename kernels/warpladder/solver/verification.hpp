// SPDX-License-Identifier: Apache-2.0
//
// What solvers must compute, on the CPU, and how far rounding may take them: for programs that
// check what they time or run. The derivation is beside the tests' own version,
// tests/support/solver_case.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace warpladder::solver {

/// `steps` of the heat equation on a packed rows x cols plate: every rung gives these bits.
inline std::vector<float> heat_reference(std::vector<float> u, std::int64_t rows, std::int64_t cols,
                                         int steps, float alpha) {
  std::vector<float> next = u;
  for (int step = 0; step < steps; ++step) {
    for (std::int64_t i = 1; i + 1 < rows; ++i) {
      for (std::int64_t j = 1; j + 1 < cols; ++j) {
        const float* const at = u.data() + i * cols + j;
        const float around = (at[-cols] + at[cols]) + (at[-1] + at[1]);
        next[std::size_t(i * cols + j)] = std::fma(alpha, std::fma(-4.0f, *at, around), *at);
      }
    }
    std::swap(u, next);
  }
  return u;
}

/// What a check of conjugate gradients looks at, in float64. Norms are Euclidean; the energy of x
/// is x.A x / 2 - b.x.
struct cg_evidence {
  double b_norm, x_norm;
  double residual_norm;  ///< of b - A x
  double energy;
  double best_energy;  ///< that of the iterate of float64
};

/// Empty if x may be the result of so many iterations in floats, which say that r.r = `residual`;
/// otherwise why not.
inline std::string explain_wrong_cg(const cg_evidence& is, float residual, std::int64_t rows,
                                    std::int64_t cols, int iterations) {
  const double u = 0x1p-24, tiny = 0x1p-70, cells = double(rows) * double(cols);
  const double attainable = 16 * iterations * u * 8 * std::max(is.x_norm, is.b_norm / 8);
  const double believed = std::sqrt(double(residual));
  const double of_sum = u * (cells / 64 + 30) * believed;
  std::ostringstream why;
  if (!(std::abs(believed - is.residual_norm) <= attainable + of_sum + tiny)) {
    why << "the norm of b - A x is said to be " << believed << " and is " << is.residual_norm;
    return why.str();
  }
  const auto half = [](std::int64_t n) { return std::sin(std::numbers::pi / (2 * double(n + 1))); };
  const double smallest = 4 * (half(rows) * half(rows) + half(cols) * half(cols));  // eigenvalue
  const double bound =
      attainable * attainable / (2 * smallest) + 1e-3 * std::abs(is.best_energy) + tiny;
  if (!(std::abs(is.energy - is.best_energy) <= bound))
    why << "the energy of x is " << is.energy << ", expected " << is.best_energy << " +- " << bound;
  return why.str();
}

namespace detail {

using vector64 = std::vector<double>;

inline double dot64(const vector64& x, const vector64& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

inline vector64 laplacian64(const vector64& x, std::int64_t rows, std::int64_t cols) {
  vector64 y(x.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const double* const at = x.data() + i * cols + j;
      y[std::size_t(i * cols + j)] = 4 * *at - (i > 0 ? at[-cols] : 0) -
                                     (i + 1 < rows ? at[cols] : 0) - (j > 0 ? at[-1] : 0) -
                                     (j + 1 < cols ? at[1] : 0);
    }
  }
  return y;
}

}  // namespace detail

/// The evidence for packed rows x cols vectors.
inline cg_evidence examine_cg(const std::vector<float>& b_in, const std::vector<float>& x_in,
                              std::int64_t rows, std::int64_t cols, int iterations) {
  using detail::dot64, detail::laplacian64, detail::vector64;
  const vector64 b(b_in.begin(), b_in.end()), x(x_in.begin(), x_in.end());
  vector64 best(b.size()), r = b, p = b;
  double rr = dot64(r, r);
  for (int i = 0; i < iterations; ++i) {
    const vector64 q = laplacian64(p, rows, cols);
    const double pq = dot64(p, q), alpha = pq == 0 ? 0 : rr / pq, before = rr;
    for (std::size_t k = 0; k < b.size(); ++k) best[k] += alpha * p[k], r[k] -= alpha * q[k];
    rr = dot64(r, r);
    for (std::size_t k = 0; k < b.size(); ++k) p[k] = r[k] + (before == 0 ? 0 : rr / before) * p[k];
  }
  const auto energy = [&](const vector64& of) {
    return dot64(of, laplacian64(of, rows, cols)) / 2 - dot64(b, of);
  };
  vector64 rest = laplacian64(x, rows, cols);
  for (std::size_t k = 0; k < b.size(); ++k) rest[k] = b[k] - rest[k];
  return {std::sqrt(dot64(b, b)), std::sqrt(dot64(x, x)), std::sqrt(dot64(rest, rest)), energy(x),
          energy(best)};
}

}  // namespace warpladder::solver
