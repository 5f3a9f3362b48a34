// SPDX-License-Identifier: Apache-2.0
//
// Heat equations and linear systems as tests pose them: matrices between canaries, and references
// in plain loops.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <ostream>
#include <vector>
#include <warpladder/solver/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

struct solver_case {
  std::int64_t rows = 1, cols = 1;
  int steps = 1;                      ///< or iterations
  int gap_in = 0, gap_out = 0;        ///< how much further apart rows are than they are long
  int offset_in = 0, offset_out = 0;  ///< elements beyond a 256-byte boundary
};

inline std::ostream& operator<<(std::ostream& out, const solver_case& c) {
  return out << c.rows << "x" << c.cols << " steps " << c.steps << " gaps " << c.gap_in << " "
             << c.gap_out << " offsets " << c.offset_in << " " << c.offset_out;
}

/// Knuth's MMIX generator; the upper bits are the good ones.
struct solver_random {
  std::uint64_t state;
  std::uint32_t bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return std::uint32_t(state >> 32);
  }
  float uniform() { return float(std::int32_t(bits())) / 0x1p31f; }  ///< in [-1, 1]
};

/// An input and an output matrix. Everything that is not an element of the output is a canary, or
/// must remain as it is.
class matrix_pair {
 public:
  explicit matrix_pair(const solver_case& c)
      : c_(c),
        ld_in_(c.cols + c.gap_in),
        ld_out_(c.cols + c.gap_out),
        in_(extent(ld_in_), c.offset_in, true),
        out_(extent(ld_out_), c.offset_out, true) {
    solver_random random{std::uint64_t(c.rows * 1000 + c.cols)};
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) at(i, j) = random.uniform();
    }
  }

  float& at(std::int64_t i, std::int64_t j) { return in_[i * ld_in_ + j]; }
  float at(std::int64_t i, std::int64_t j) const { return in_[i * ld_in_ + j]; }
  const solver_case& shape() const { return c_; }
  std::int64_t ld_in() const { return ld_in_; }
  std::int64_t ld_out() const { return ld_out_; }
  const float* in() const { return in_.device(); }
  float* out() const { return out_.device(); }

  void upload() const {
    in_.upload();
    out_.upload();
  }
  bool is_untouched() const {
    return in_.download().same_bits(in_) && out_.download().same_bits(out_);
  }

  /// The elements of out, row after row.
  std::vector<float> results() const {
    const guarded_array<float> got = out_.download();
    std::vector<float> all;
    for (std::int64_t i = 0; i < c_.rows; ++i) {
      for (std::int64_t j = 0; j < c_.cols; ++j) all.push_back(got[i * ld_out_ + j]);
    }
    return all;
  }

  /// Is all as it was but for the elements of out?
  ::testing::AssertionResult nothing_else_written() const {
    if (!in_.download().same_bits(in_)) return ::testing::AssertionFailure() << "in was written";
    guarded_array<float> around = out_.download();
    for (std::int64_t i = 0; i < c_.rows; ++i) {
      for (std::int64_t j = 0; j < c_.cols; ++j) around[i * ld_out_ + j] = out_[i * ld_out_ + j];
    }
    if (!around.same_bits(out_))
      return ::testing::AssertionFailure() << "memory around the elements of out was written";
    return ::testing::AssertionSuccess();
  }

 private:
  std::int64_t extent(std::int64_t ld) const {
    return c_.rows == 0 || c_.cols == 0 ? 0 : (c_.rows - 1) * ld + c_.cols;
  }

  solver_case c_;
  std::int64_t ld_in_, ld_out_;
  guarded_array<float> in_, out_;
};

// ---- Heat
// ----------------------------------------------------------------------------------------

class jacobi_operands : public matrix_pair {
 public:
  static constexpr float alpha = 0.2f;

  explicit jacobi_operands(const solver_case& c) : matrix_pair(c) {}

  solver::jacobi_problem problem() const {
    return {.rows = shape().rows,
            .cols = shape().cols,
            .steps = shape().steps,
            .alpha = alpha,
            .in = in(),
            .ld_in = ld_in(),
            .out = out(),
            .ld_out = ld_out()};
  }

  /// Equal in every bit to the formula in floats, and near it in float64. One step rounds four
  /// times (three sums and two multiply-adds, of which the last rounds what is small: alpha times
  /// the rest). With |u| <= 1 at the start and alpha <= 1/4, no value ever exceeds 1 but by
  /// rounding, and no step enlarges an error (its coefficients are not negative and add up to 1).
  /// An exact sum of up to 4 in magnitude is rounded twice, 8 u; -4 u + it, up to 8, once, 8 u; so
  /// alpha times 16 u, and the result, up to 1, once: 1 + 16 / 4 = 5 u per step at most.
  ::testing::AssertionResult check() const {
    if (const auto clean = nothing_else_written(); !clean) return clean;
    const std::int64_t rows = shape().rows, cols = shape().cols;
    std::vector<float> bits(std::size_t(rows * cols));
    for (std::int64_t i = 0; i < rows * cols; ++i) bits[std::size_t(i)] = at(i / cols, i % cols);
    std::vector<double> exact(bits.begin(), bits.end());
    for (int step = 0; step < shape().steps; ++step) {
      const auto before = bits;
      const auto exact_before = exact;
      for (std::int64_t i = 1; i + 1 < rows; ++i) {
        for (std::int64_t j = 1; j + 1 < cols; ++j) {
          const auto k = std::size_t(i * cols + j), row = std::size_t(cols);
          bits[k] = std::fma(
              alpha,
              std::fma(-4.0f, before[k],
                       (before[k - row] + before[k + row]) + (before[k - 1] + before[k + 1])),
              before[k]);
          exact[k] =
              exact_before[k] +
              double(alpha) * (exact_before[k - row] + exact_before[k + row] + exact_before[k - 1] +
                               exact_before[k + 1] - 4 * exact_before[k]);
        }
      }
    }
    const std::vector<float> got = results();
    const double bound = 5.1 * 0x1p-24 * shape().steps;
    for (std::size_t k = 0; k < got.size(); ++k) {
      const auto where = [&] {
        return ::testing::AssertionFailure()
               << "row " << k / std::size_t(cols) << " column " << k % std::size_t(cols) << " is "
               << got[k] << ", expected ";
      };
      const bool both_nan = std::isnan(got[k]) && std::isnan(bits[k]);  // which one is not said
      if (!both_nan &&
          std::bit_cast<std::uint32_t>(got[k]) != std::bit_cast<std::uint32_t>(bits[k]))
        return where() << bits[k] << ", bit for bit";
      if (has_reals_ && !(std::abs(double(got[k]) - exact[k]) <= bound))
        return where() << exact[k] << " within " << bound;
    }
    return ::testing::AssertionSuccess();
  }

  /// NaNs, infinities and signed zeros, of which nothing is to be lost; float64 is no judge of
  /// them.
  void fill_special() {
    has_reals_ = false;
    const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-149f, 3e38f};
    for (std::int64_t i = 0; i < shape().rows * shape().cols; i += 5)
      at(i / shape().cols, i % shape().cols) = special[i / 5 % 6];
  }

 private:
  bool has_reals_ = true;
};

// ---- Conjugate gradients
// -------------------------------------------------------------------------

using vector64 = std::vector<double>;

/// A x for the five-point Laplacian.
inline vector64 laplacian(const vector64& x, std::int64_t rows, std::int64_t cols) {
  vector64 y(x.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const auto k = std::size_t(i * cols + j), row = std::size_t(cols);
      y[k] = 4 * x[k] - (i > 0 ? x[k - row] : 0) - (i + 1 < rows ? x[k + row] : 0) -
             (j > 0 ? x[k - 1] : 0) - (j + 1 < cols ? x[k + 1] : 0);
    }
  }
  return y;
}

inline double dot(const vector64& x, const vector64& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

inline vector64 conjugate_gradient_64(const vector64& b, std::int64_t rows, std::int64_t cols,
                                      int iterations) {
  vector64 x(b.size()), r = b, p = b;
  double rr = dot(r, r);
  for (int i = 0; i < iterations; ++i) {
    const vector64 q = laplacian(p, rows, cols);
    const double pq = dot(p, q), alpha = pq == 0 ? 0 : rr / pq, before = rr;
    for (std::size_t k = 0; k < x.size(); ++k) x[k] += alpha * p[k], r[k] -= alpha * q[k];
    rr = dot(r, r);
    for (std::size_t k = 0; k < x.size(); ++k) p[k] = r[k] + (before == 0 ? 0 : rr / before) * p[k];
  }
  return x;
}

class cg_operands : public matrix_pair {
 public:
  explicit cg_operands(const solver_case& c) : matrix_pair(c), residual_(1, 0, true) {}

  solver::cg_problem problem() const {
    return {.rows = shape().rows,
            .cols = shape().cols,
            .iterations = shape().steps,
            .b = in(),
            .ld_b = ld_in(),
            .x = out(),
            .ld_x = ld_out(),
            .residual = residual_.device()};
  }
  void upload() const {
    matrix_pair::upload();
    residual_.upload();
  }
  float residual() const { return residual_.download()[0]; }

  vector64 b() const {
    vector64 all;
    for (std::int64_t i = 0; i < shape().rows; ++i) {
      for (std::int64_t j = 0; j < shape().cols; ++j) all.push_back(double(at(i, j)));
    }
    return all;
  }

  /// What conjugate gradients in floats can promise; an iterate of its own they cannot, as rounding
  /// errors move it along its path. u = 2^-24, k iterations.
  ///
  /// 1. What the method believes and what is: the residual that it carries along differs from b - A
  /// x
  ///    by at most c k u |A| max |x_j| (Greenbaum, "Estimating the attainable accuracy of
  ///    recursively computed residual methods", 1997), |A| <= 8; c: A p rounds each element 4 times
  ///    with up to 4 neighbours, the two updates twice each, the lengths of x grow from step to
  ///    step: 16. Its square is a sum of n floats, up to 2^-24 (n / 64 + 30) of itself away.
  /// 2. The energy x.A x / 2 - b.x, which every iteration makes as small as its subspace allows:
  ///    being at a minimum it feels a small change of the path in second order only. It may miss
  ///    that of float64 by the energy of the attainable error (1), e.A e / 2 with A e = the error
  ///    of the residual, at most its square over twice the smallest eigenvalue, and by the relative
  ///    delay that rounding causes, for which 1e-3 of the energy gained is allowed: a lost
  ///    neighbour, row or share costs far more.
  ::testing::AssertionResult check() const {
    if (const auto clean = nothing_else_written(); !clean) return clean;
    guarded_array<float> around = residual_.download();
    around[0] = residual_[0];
    if (!around.same_bits(residual_))
      return ::testing::AssertionFailure() << "memory around the residual was written";
    const std::int64_t rows = shape().rows, cols = shape().cols;
    const std::vector<float> got = results();
    const vector64 x(got.begin(), got.end()), right = b();
    vector64 rest = laplacian(x, rows, cols);
    for (std::size_t k = 0; k < rest.size(); ++k) rest[k] = right[k] - rest[k];

    const double u = 0x1p-24, k = shape().steps, norm = std::sqrt(dot(rest, rest));
    const double size = std::max(std::sqrt(dot(x, x)), std::sqrt(dot(right, right)) / 8);
    const double attainable = 16 * k * u * 8 * size;
    const double believed = std::sqrt(double(residual()));
    const double of_sum = u * (double(x.size()) / 64 + 30) * believed;
    if (!(std::abs(believed - norm) <= attainable + of_sum + 0x1p-70))
      return ::testing::AssertionFailure() << "the residual is said to be " << believed
                                           << " and is " << norm << ", attainable " << attainable;

    const auto energy = [&](const vector64& of) {
      return dot(of, laplacian(of, rows, cols)) / 2 - dot(right, of);
    };
    const double pi = std::numbers::pi;
    const double smallest =
        4 - 2 * std::cos(pi / double(rows + 1)) - 2 * std::cos(pi / double(cols + 1));
    const double best = energy(conjugate_gradient_64(right, rows, cols, shape().steps));
    const double bound = attainable * attainable / (2 * smallest) + 1e-3 * std::abs(best) + 0x1p-70;
    if (!(std::abs(energy(x) - best) <= bound))
      return ::testing::AssertionFailure()
             << "the energy is " << energy(x) << ", expected " << best << " within " << bound;
    return ::testing::AssertionSuccess();
  }

 private:
  guarded_array<float> residual_;
};

}  // namespace warpladder::test
