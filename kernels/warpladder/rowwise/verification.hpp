// SPDX-License-Identifier: Apache-2.0
//
// Rows in float64 on the CPU, and how far float arithmetic may be from them: for programs that
// check what they time. The derivation is beside the tests' own version,
// tests/support/rowwise_case.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

/// What an element should be, and how far from it a right result may be; NaN wants NaN.
struct expected_element {
  double value, bound;

  bool accepts(double result) const {
    return std::isnan(value) ? std::isnan(result) : std::abs(result - value) <= bound;
  }
};

namespace detail {

inline constexpr double roundoff = 0x1p-24;

/// Roundings of 2^-24 between an element and the sum over its row, in any rung: six per step of a
/// sum that is rescaled by 32 lanes or more, one per addition of a thread that has the whole row.
inline double sum_roundings(std::size_t cols) {
  return std::max(6 * (double(cols) / 32 + 96), double(cols));
}

template <class T>
expected_element rounded_to(double value, double bound) {
  constexpr bool is_float = std::is_same_v<T, float>;
  return {value, 1.01 * bound + (is_float ? 0 : 0x1p-8 * (std::abs(value) + bound)) +
                     (is_float ? 0x1p-146 : 0x1p-133)};
}

}  // namespace detail

/// The softmax of a row.
template <class T>
std::vector<expected_element> expected_softmax(std::span<const T> row) {
  double largest = -INFINITY, sum = 0, exponents = 0;
  for (const T x : row) largest = std::max(largest, double(float(x)));
  for (const T x : row) {
    const double below = largest - double(float(x)), e = std::exp(-below);
    sum += e;
    exponents += e > 0 ? e * below : 0;
  }
  std::vector<expected_element> expected;
  expected.reserve(row.size());
  for (const T x : row) {
    const double below = largest - double(float(x)), p = std::exp(-below) / sum;
    const double roundings =
        detail::sum_roundings(row.size()) + 12 + 3 * exponents / sum + (p > 0 ? 3 * below : 0);
    expected.push_back(detail::rounded_to<T>(p, p * roundings * detail::roundoff));
  }
  return expected;
}

/// The norm of a row of `p`, whose `weight` and `bias` are given here: empty spans for none.
template <class T>
std::vector<expected_element> expected_norm(const norm_problem<T>& p, std::span<const T> row,
                                            std::span<const T> weight, std::span<const T> bias) {
  const double n = double(row.size()), g = detail::sum_roundings(row.size()) * detail::roundoff;
  double mean = 0, variance = 0, largest = 0;
  for (const T x : row) {
    mean += double(float(x));
    largest = std::max(largest, std::abs(double(float(x))));
  }
  mean = p.what == norm::layer ? mean / n : 0;
  for (const T x : row) variance += std::pow(double(float(x)) - mean, 2) / n;
  const double all = variance + double(p.epsilon), root = std::sqrt(all);
  const double mean_off = p.what == norm::layer ? g * largest : 0;
  const double variance_off = (g + 4 * detail::roundoff) * variance +
                              2 * mean_off * std::sqrt(variance) + mean_off * mean_off + 0x1p-148;
  const double root_off = variance_off / all + 6 * detail::roundoff;

  std::vector<expected_element> expected;
  expected.reserve(row.size());
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double w = weight.empty() ? 1 : double(float(weight[j]));
    const double b = bias.empty() ? 0 : double(float(bias[j]));
    const double y = (double(float(row[j])) - mean) / root;
    const double off =
        std::abs(w) * (2 * mean_off / root + std::abs(y) * (root_off + 6 * detail::roundoff)) +
        2 * detail::roundoff * (std::abs(y * w) + std::abs(y * w + b)) +
        std::abs(w) * 0x1p-148;  // a product may be subnormal
    expected.push_back(detail::rounded_to<T>(y * w + b, root_off > 0.5 ? INFINITY : off));
  }
  return expected;
}

}  // namespace warpladder::rowwise
