// SPDX-License-Identifier: Apache-2.0
//
// Softmaxes and norms as tests pose them: matrices between canaries, results in float64, and how
// far float arithmetic may be from them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <type_traits>
#include <vector>
#include <warpladder/rowwise/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

/// What rows hold; `special` is another of the awkward kinds in every row.
enum class filled { normal, with_offset, equal, huge, subnormal, far_apart, integers, special };

struct rowwise_case {
  std::int64_t rows = 1, cols = 1;
  int gap_in = 0, gap_out = 0;
  int offset_in = 0, offset_out = 0;  ///< elements beyond a 256-byte boundary
  filled with = filled::normal;
  bool in_place = false;
  // Of norms:
  rowwise::norm what = rowwise::norm::layer;
  bool weight = true, bias = true;
  int offset_weight = 0;
  float epsilon = 1e-5f;
};

inline std::ostream& operator<<(std::ostream& out, const rowwise_case& c) {
  return out << c.rows << "x" << c.cols << " gaps " << c.gap_in << " " << c.gap_out << " offsets "
             << c.offset_in << " " << c.offset_out << " filled " << int(c.with)
             << (c.in_place ? " in place" : "")
             << (c.what == rowwise::norm::layer ? ", layer" : ", rms")
             << (c.weight ? ", weight" : "") << (c.bias ? ", bias" : "") << " " << c.offset_weight
             << ", epsilon " << c.epsilon;
}

inline constexpr double unit_roundoff = 0x1p-24;

/// A result in float64 and how far float arithmetic may be from it; NaN wants NaN.
struct bounded {
  double value, bound;
};

/// The last step of all: the result is rounded to T once.
template <class T>
bounded rounded_once(double value, double bound) {
  if constexpr (std::is_same_v<T, float>) {
    return {value, bound + 0x1p-149};
  } else {  // 8 significant bits; below 2^-126 multiples of 2^-133
    return {value, bound + 0x1p-8 * (std::abs(value) + bound) + 0x1p-133};
  }
}

/// Softmax of a row. `roundings` is the number of roundings that a term meets on its way into the
/// sum: one per addition, six where a running sum is rescaled (addition, product, and an
/// exponential that is off by 4 u).
///
/// Let u = 2^-24, m the largest element, d = m - x. An exponent x - m is rounded, multiplied by a
/// rounded log2 e, and rounded: off by 2.3 u d, so that e^-d is off by 3 u d + 4 u relative, with 2
/// ulp of exp2f. Where it is taken in two steps, relative to a smaller maximum first, the two
/// exponents add up to d, and 4 u come once more. A sum of positive terms is off by the mean of
/// what its terms are off, weighted by their values, plus `roundings` u. Reciprocal and products: 3
/// u. Subnormal exponentials are off by some 2^-148, and are multiplied by at most 1.
template <class T>
std::vector<bounded> softmax_of_row(const std::vector<double>& x, double roundings) {
  double largest = -INFINITY, sum = 0, weighted = 0;
  for (const double v : x) largest = std::max(largest, v);  // NaN: shows in the sum
  for (const double v : x) {
    const double e = std::exp(v - largest);
    sum += e;
    if (e > 0) weighted += e * (largest - v);
  }
  std::vector<bounded> row;
  for (const double v : x) {
    const double p = std::exp(v - largest) / sum;
    if (std::isnan(p)) {
      row.push_back({p, 0});
      continue;
    }
    const double d = p > 0 ? largest - v : 0;
    const double relative = 1.01 * unit_roundoff * (12 + 3 * d + 3 * weighted / sum + roundings);
    row.push_back(rounded_once<T>(p, p * relative + 0x1p-146));
  }
  return row;
}

/// A norm of a row. `roundings` as above; six per element for Welford's method.
///
/// Let g = roundings u. A mean is off by e = g max|x| at most (in any order of addition, and in a
/// running mean). The mean of squares around a mean that is off by e is off by 2 e s + e^2, s the
/// standard deviation, and by g relative through its own roundings (Chan, Golub and LeVeque,
/// "Algorithms for Computing the Sample Variance", 1983, for the two-pass and the updating
/// formulae); squares below 2^-149 may be lost. If variance + epsilon is off by t <= 1/2 relative,
/// its inverse root is by at most t, and rsqrtf adds 4 u. Difference, products and sum: u each.
template <class T>
std::vector<bounded> norm_of_row(const std::vector<double>& x, const rowwise_case& c,
                                 const std::vector<double>& weight, const std::vector<double>& bias,
                                 double roundings) {
  constexpr double u = unit_roundoff;
  const double n = double(x.size()), g = roundings * u;
  double mean = 0, squares = 0, largest = 0;
  for (const double v : x) mean += v, largest = std::max(largest, std::abs(v));
  mean = c.what == rowwise::norm::rms ? 0 : mean / n;
  for (const double v : x) squares += (v - mean) * (v - mean);
  const double variance = squares / n, all = variance + double(c.epsilon);
  const double e = c.what == rowwise::norm::rms ? 0 : g * largest;
  const double off = (g + 4 * u) * variance + 2 * e * std::sqrt(variance) + e * e + 0x1p-148;
  const double t = std::isinf(all) ? 0 : off / all + 2 * u;  // infinite: the root is too, exactly

  std::vector<bounded> row;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = x[i] - mean, y = d / std::sqrt(all), scaled = y * weight[i];
    const double result = scaled + bias[i];
    const double bound =
        1.01 * (std::abs(weight[i]) *
                    ((e + 2 * u * std::abs(d)) * 2 / std::sqrt(all) + std::abs(y) * (t + 8 * u)) +
                2 * u * (std::abs(scaled) + std::abs(result)) +
                (std::abs(weight[i]) + 1) * 0x1p-148);  // products may be subnormal
    // Beyond t = 1/2 the arithmetic promises nothing: only that there is a number.
    row.push_back(t > 0.5 && !std::isnan(result)
                      ? bounded{result, std::numeric_limits<double>::max()}
                      : rounded_once<T>(result, bound));
  }
  return row;
}

/// One problem with its memory. Everything that is not an element is a canary.
template <class T, template <class> class Problem>
class rowwise_operands {
  static constexpr bool is_norm = std::is_same_v<Problem<T>, rowwise::norm_problem<T>>;

 public:
  explicit rowwise_operands(const rowwise_case& c)
      : case_(c),
        in_(extent(c, c.gap_in), c.offset_in, c.in_place || guard_input),
        out_(extent(c, c.gap_out), c.offset_out, true),
        weight_(c.cols, c.offset_weight, guard_input),
        bias_(c.cols, c.offset_weight, guard_input) {
    problem_.rows = c.rows, problem_.cols = c.cols;
    problem_.ld_in = std::max<std::int64_t>(1, c.cols) + c.gap_in;
    problem_.ld_out = std::max<std::int64_t>(1, c.cols) + c.gap_out;
    problem_.in = in_.device(), problem_.out = out_.device();
    if (c.in_place) problem_.out = in_.device(), problem_.ld_out = problem_.ld_in;
    if constexpr (is_norm) {
      problem_.what = c.what, problem_.epsilon = c.epsilon;
      if (c.weight) problem_.weight = weight_.device();
      if (c.bias) problem_.bias = bias_.device();
    }
    std::mt19937 random(unsigned(c.rows * 131 + c.cols));
    for (std::int64_t j = 0; j < c.cols; ++j) {
      weight_[j] = T(float(random() % 64) / 16 - 1.5f);
      bias_[j] = T(float(random() % 64) / 16 - 2.0f);
    }
    for (std::int64_t i = 0; i < c.rows; ++i) fill_row(i, random);
  }

  const Problem<T>& problem() const { return problem_; }

  /// `in`, weight and bias with their values, `out` with canaries alone.
  void upload() const {
    in_.upload();
    out_.upload();
    weight_.upload();
    bias_.upload();
  }

  ::testing::AssertionResult check(double roundings) const {
    const guarded_array<T>& image = case_.in_place ? in_ : out_;
    guarded_array<T> got = image.download();
    for (std::int64_t i = 0; i < case_.rows; ++i) {
      const std::vector<bounded> expected = expected_row(i, roundings);
      for (std::int64_t j = 0; j < case_.cols; ++j) {
        T& element = got[i * problem_.ld_out + j];
        const auto [value, bound] = expected[std::size_t(j)];
        const double is = double(float(element));
        if (std::isnan(value) ? !std::isnan(is) : !(std::abs(is - value) <= bound)) {
          return ::testing::AssertionFailure() << "row " << i << ", column " << j << " is " << is
                                               << ", expected " << value << " +- " << bound;
        }
        element = image[i * problem_.ld_out + j];
      }
    }
    if (!got.same_bits(image)) {
      return ::testing::AssertionFailure() << "written although no element of out: element "
                                           << got.first_difference(image) << " counted from out";
    }
    if (!case_.in_place && !in_.download().same_bits(in_))
      return ::testing::AssertionFailure() << "in was written";
    if (!weight_.download().same_bits(weight_) || !bias_.download().same_bits(bias_))
      return ::testing::AssertionFailure() << "weight or bias was written";
    return ::testing::AssertionSuccess();
  }

  /// What the device holds now, to be compared with another run.
  guarded_array<T> result() const { return (case_.in_place ? in_ : out_).download(); }

 private:
#if defined(WARPLADDER_HOST_EXECUTOR) && !defined(__SANITIZE_ADDRESS__)
  static constexpr bool guard_input = true;
#else
  static constexpr bool guard_input = false;  // a sanitizer sees reads beyond the allocation
#endif

  static std::int64_t extent(const rowwise_case& c, int gap) {
    return c.rows == 0 || c.cols == 0 ? 0 : (c.rows - 1) * (c.cols + gap) + c.cols;
  }

  void fill_row(std::int64_t i, std::mt19937& random) {
    std::normal_distribution<float> normal;
    filled with = case_.with;
    const std::int64_t kind = i % 8;
    if (with == filled::special) with = kind == 7 ? filled::equal : filled::normal;
    for (std::int64_t j = 0; j < case_.cols; ++j) {
      const float z = normal(random);
      float value = 2 * z;
      if (with == filled::with_offset) value = z + 100 * float(i % 3);
      if (with == filled::equal) value = float(i % 5) - 2;
      if (with == filled::huge) value = is_norm ? z * 1e15f : z * 1e30f;
      if (with == filled::subnormal) value = z * 1e-39f;
      if (with == filled::far_apart) value = -110 * float(random() % 1000) / 1000;
      // Softmax: 0 or -infinity. Norms: -1, 1, -1, ...
      if (with == filled::integers && is_norm) value = j % 2 == 0 ? -1 : 1;
      if (with == filled::integers && !is_norm) value = j == 0 || random() % 2 ? 0 : -INFINITY;
      in_[i * problem_.ld_in + j] = T(value);
    }
    if (case_.with != filled::special) return;
    // One odd element, first, last or anywhere; or nothing but such elements.
    const std::int64_t places[] = {0, case_.cols - 1,
                                   std::int64_t(random() % unsigned(case_.cols))};
    T& odd = in_[i * problem_.ld_in + places[i % 3]];
    if (kind == 0) odd = T(NAN);
    if (kind == 1) odd = T(float(INFINITY));
    if (kind == 2) odd = T(-float(INFINITY));
    if (kind == 3) odd = T(is_norm ? 1e15f : 3e38f);  // squares stay in range
    for (std::int64_t j = 0; kind >= 4 && kind <= 6 && j < case_.cols; ++j) {
      in_[i * problem_.ld_in + j] = kind == 4   ? T(-float(INFINITY))
                                    : kind == 5 ? T(NAN)
                                    : j % 2     ? T(float(INFINITY))
                                                : T(-float(INFINITY));
    }
  }

  std::vector<bounded> expected_row(std::int64_t i, double roundings) const {
    std::vector<double> x, weight, bias;
    for (std::int64_t j = 0; j < case_.cols; ++j) {
      x.push_back(double(float(in_[i * problem_.ld_in + j])));
      weight.push_back(case_.weight ? double(float(weight_[j])) : 1);
      bias.push_back(case_.bias ? double(float(bias_[j])) : 0);
    }
    if constexpr (is_norm) {
      return norm_of_row<T>(x, case_, weight, bias, roundings);
    } else {
      return softmax_of_row<T>(x, roundings);
    }
  }

  rowwise_case case_;
  Problem<T> problem_;
  guarded_array<T> in_, out_, weight_, bias_;
};

}  // namespace warpladder::test
