// SPDX-License-Identifier: Apache-2.0
//
// Reductions as tests pose them: inputs between canaries, and what has to come out, computed here
// in plain loops. Floating-point sums may differ from the exact one by what rounding can do to any
// order of additions; where all elements are small integers, by nothing.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

// ---- Types and operations
// ------------------------------------------------------------------------

template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, float>) return "f32";
  if constexpr (std::is_same_v<T, double>) return "f64";
  if constexpr (std::is_same_v<T, __half>) return "f16";
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return "bf16";
  if constexpr (std::is_same_v<T, std::int32_t>) return "i32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "i64";
}

template <class T, class Op>
inline constexpr bool finds_place = std::is_same_v<Op, argmin<T>> || std::is_same_v<Op, argmax<T>>;
template <class T, class Op>
inline constexpr bool wants_lowest =
    std::is_same_v<Op, argmin<T>> || std::is_same_v<Op, minimum<T>>;
template <class T, class Op>
inline constexpr bool is_extreme =
    finds_place<T, Op> || std::is_same_v<Op, minimum<T>> || std::is_same_v<Op, maximum<T>>;

template <class T, class Op>
std::string op_name() {
  if constexpr (finds_place<T, Op>) return wants_lowest<T, Op> ? "argmin" : "argmax";
  if constexpr (is_extreme<T, Op>) return wants_lowest<T, Op> ? "minimum" : "maximum";
  if constexpr (std::is_same_v<Op, sum<T>>) return "sum";
  if constexpr (std::is_same_v<Op, sum_of_squares<T>>) return "sum_of_squares";
  if constexpr (std::is_same_v<Op, dot<T>>) return "dot";
}

template <class T>
inline constexpr bool is_floating = !std::is_integral_v<T>;

/// The value of an element, exactly.
template <class T>
auto widened(T x) {
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else {
    return static_cast<long double>(static_cast<accumulator_t<T>>(x));
  }
}

template <class T>
T element(double value) {
  return static_cast<T>(static_cast<accumulator_t<T>>(value));
}

// ---- What has to come out
// ------------------------------------------------------------------------

/// Is `got` the result over x[0], x[stride], ... x[(n - 1) stride], and, for dot, the same of y?
/// `exactly`: sums are small enough integers for every order of additions to be exact.
template <class T, class Op>
::testing::AssertionResult is_result(const typename Op::result& got, const T* x, const T* y,
                                     std::int64_t n, std::int64_t stride, bool exactly) {
  const auto fail = [&](const auto& wanted) {
    if constexpr (finds_place<T, Op>) {
      return ::testing::AssertionFailure()
             << "got " << got.value << " at " << got.index << ", expected "
             << static_cast<double>(wanted.value) << " at " << wanted.index;
    } else {
      return ::testing::AssertionFailure() << "got " << got << ", expected " << wanted;
    }
  };
  if constexpr (is_extreme<T, Op>) {
    using value = accumulator_t<T>;
    using limits = std::numeric_limits<value>;
    indexed<value> best{wants_lowest<T, Op> ? limits::max() : limits::lowest(), -1};
    if (limits::has_infinity)
      best.value = wants_lowest<T, Op> ? limits::infinity() : -limits::infinity();
    for (std::int64_t i = 0; i < n; ++i) {
      const value v = static_cast<value>(x[i * stride]);
      const bool better = wants_lowest<T, Op> ? v < best.value : v > best.value;
      if (best.index < 0 || (best.value == best.value && (better || v != v))) best = {v, i};
    }
    const auto same = [](value a, value b) { return a == b || (a != a && b != b); };
    if constexpr (finds_place<T, Op>) {
      if (!same(got.value, best.value) || got.index != best.index) return fail(best);
    } else {
      if (!same(got, best.value)) return fail(best.value);
    }
  } else if constexpr (std::is_integral_v<T>) {
    std::uint64_t total = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto v = static_cast<std::uint64_t>(x[i * stride]);
      const auto w = std::is_same_v<Op, sum<T>> ? 1u
                     : Op::inputs == 2          ? static_cast<std::uint64_t>(y[i * stride])
                                                : v;
      total += v * w;
    }
    if (got != static_cast<T>(total)) return fail(static_cast<T>(total));
  } else {
    long double total = 0, magnitude = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      long double term = widened(x[i * stride]);
      if constexpr (Op::inputs == 2) {
        term *= widened(y[i * stride]);
      } else if constexpr (!std::is_same_v<Op, sum<T>>) {
        term *= term;
      }
      total += term;
      magnitude += std::abs(term);
    }
    // A sum of terms of one sign overflows in every order.
    if (std::abs(total) == magnitude && magnitude > std::numeric_limits<typename Op::result>::max())
      total = std::copysign(std::numeric_limits<long double>::infinity(), total);
    if (std::isnan(total) || std::isinf(total)) {
      const bool same = std::isnan(total) ? std::isnan(got) : got == total;
      return same ? ::testing::AssertionSuccess() : fail(total);
    }
    // Higham, "Accuracy and Stability of Numerical Algorithms", 4.2: n - 1 additions in any order,
    // and one rounding of each product; the same for the long doubles here.
    const auto gamma = [&](long double epsilon) {
      const long double nu = static_cast<long double>(n) * epsilon / 2;
      return nu / (1 - nu);
    };
    const long double bound =
        exactly ? 0
                : magnitude * (gamma(std::numeric_limits<typename Op::result>::epsilon()) +
                               gamma(std::numeric_limits<long double>::epsilon()));
    if (!(std::abs(static_cast<long double>(got) - total) <= bound))
      return fail(total) << ", and rounding explains no more than " << bound;
  }
  return ::testing::AssertionSuccess();
}

// ---- Inputs
// --------------------------------------------------------------------------------------

inline std::uint64_t hashed(std::int64_t i) {
  std::uint64_t bits = (static_cast<std::uint64_t>(i) + 1) * 0x9E3779B97F4A7C15u;
  bits = (bits ^ bits >> 29) * 0xBF58476D1CE4E5B9u;
  return bits ^ bits >> 32;
}

/// Small integers, of which no sum of n, or of n products, exceeds 2^24: exact in float in any
/// order. None is 0, as long as n allows.
inline double small_integer(std::int64_t i, std::int64_t n) {
  const std::uint64_t bits = hashed(i);
  const double sign = bits & 1 ? -1 : 1;
  if (n <= 100'000) return sign * static_cast<double>(1 + bits / 2 % 7);
  if (n <= 4'000'000) return sign * static_cast<double>(1 + bits / 2 % 2);
  return bits / 2 % 4 == 0 ? sign : 0;
}

/// Floats of both signs within six orders of magnitude, integers of all bits.
template <class T>
T any_number(std::int64_t i) {
  const std::uint64_t bits = hashed(i);
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(bits);
  } else {
    const double mantissa = static_cast<double>(bits >> 40) / 0x1p24 - 0.5;
    return element<T>(std::ldexp(mantissa, static_cast<int>(bits % 20) - 10));
  }
}

/// The largest finite number of a type, or the smallest.
template <class T>
T end_of_range(bool high) {
  if constexpr (std::is_same_v<T, __half>) {
    return element<T>(high ? 65504 : -65504);
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return element<T>(high ? 0x1.fep127 : -0x1.fep127);
  } else {
    return high ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest();
  }
}

/// What the elements are.
struct contents {
  enum kind { integers, any, single, special, ends } are = integers;
  std::int64_t place = 0;         ///< single: the only element that is not 0 ...
  double odd = 1;                 ///< ... but this
  std::vector<double> list = {};  ///< special: these, `apart` elements from each other, behind the
  int apart = 1;                  ///< first third; ends: every third element is an integer if > 1
  bool high = true;               ///< ends: which

  /// Element i of n, which are in segments of `length`.
  template <class T>
  T at(std::int64_t i, std::int64_t n, std::int64_t length) const {
    switch (are) {
      case any:
        return any_number<T>(i);
      case single:
        return element<T>(i % n == place ? odd : 0);
      case special: {
        const std::int64_t behind = i % n - n / 3, which = behind / apart;
        if (behind >= 0 && behind % apart == 0 && which < std::int64_t(list.size()))
          return element<T>(list[std::size_t(which)]);
        break;
      }
      case ends:
        if (apart == 1 || i % 3 != 1) return end_of_range<T>(high);
        break;
      case integers:
        break;
    }
    return element<T>(small_integer(i, length));
  }
};

/// An array (`rows` is -1), or a matrix of which the rows or columns are reduced.
struct reduce_case {
  std::int64_t rows = -1, cols = 0;
  int gap = 0;                      ///< elements by which ld exceeds its minimum
  int offset = 0, offset_with = 0;  ///< elements beyond a 256-byte boundary
  reduce::along axis = reduce::along::rows;

  bool is_array() const { return rows < 0; }
  std::int64_t elements() const { return is_array() ? cols : rows * cols; }
};

inline std::ostream& operator<<(std::ostream& out, const reduce_case& c) {
  if (c.is_array())
    return out << c.cols << " elements, offsets " << c.offset << " " << c.offset_with;
  return out << (c.axis == reduce::along::rows ? "rows" : "columns") << " of " << c.rows << "x"
             << c.cols << " gap " << c.gap << " offset " << c.offset;
}

// ---- One problem and the method that has to solve it
// ---------------------------------------------

/// What a test needs of a rung or of a front door.
template <class Problem>
struct method {
  support (*supports)(const Problem&);
  std::size_t (*workspace_bytes)(const Problem&);
  cudaError_t (*launch)(const Problem&, cudaStream_t, workspace_view);
};

/// A problem with its operands, whatever its types.
class posed {
 public:
  virtual ~posed() = default;
  virtual std::string_view explain_invalid() const = 0;
  virtual support supports() const = 0;
  virtual std::size_t workspace_bytes() const = 0;
  virtual cudaError_t launch(cudaStream_t, workspace_view) const = 0;
  /// Inputs with their values, results with canaries.
  virtual void upload() const = 0;
  /// Are all results right, and nothing else was written?
  virtual ::testing::AssertionResult check(bool exactly) const = 0;
  virtual bool is_untouched() const = 0;
  /// Keeps the results for same_bits().
  virtual void keep_results() = 0;
  virtual bool same_bits() const = 0;
};

#if defined(WARPLADDER_HOST_EXECUTOR) && !defined(__SANITIZE_ADDRESS__)
inline constexpr bool guard_inputs = true;
#else
inline constexpr bool guard_inputs = false;  // a sanitizer sees reads beyond the allocation
#endif

template <class T, class Op, class Problem>
class posed_to final : public posed {
  static constexpr bool is_array = std::is_same_v<Problem, reduce::problem<T, Op>>;
  using result = typename Op::result;

 public:
  posed_to(const method<Problem>& how, const reduce_case& c, const contents& of)
      : how_(how),
        case_(c),
        ld_(std::max<std::int64_t>(1, c.cols) + c.gap),
        in_(is_array                     ? c.cols
            : c.rows == 0 || c.cols == 0 ? 0
                                         : (c.rows - 1) * ld_ + c.cols,
            c.offset, guard_inputs),
        with_(Op::inputs == 2 ? c.cols : 0, c.offset_with, guard_inputs),
        out_(segments(), 1, true),
        kept_(out_.clone()) {
    const std::int64_t n = c.elements();
    for (std::int64_t i = 0; i < n; ++i) {
      in_[is_array ? i : i / c.cols * ld_ + i % c.cols] = of.at<T>(i, n, length());
      if (Op::inputs == 2) with_[i] = of.at<T>(n + i, n, length());
    }
    if constexpr (is_array) {
      problem_.n = c.cols;
      if (Op::inputs == 2 && n > 0) problem_.with = with_.device();
    } else {
      problem_.axis = c.axis;
      problem_.rows = c.rows;
      problem_.cols = c.cols;
      problem_.ld = ld_;
    }
    problem_.in = n == 0 ? nullptr : in_.device();
    problem_.out = segments() == 0 ? nullptr : out_.device();
  }

  std::string_view explain_invalid() const override { return reduce::explain_invalid(problem_); }
  support supports() const override { return how_.supports(problem_); }
  std::size_t workspace_bytes() const override { return how_.workspace_bytes(problem_); }
  cudaError_t launch(cudaStream_t on, workspace_view workspace) const override {
    return how_.launch(problem_, on, workspace);
  }
  void upload() const override {
    in_.upload();
    with_.upload();
    out_.upload();
  }

  ::testing::AssertionResult check(bool exactly) const override {
    const guarded_array<result> got = out_.download();
    guarded_array<result> expected = out_.clone();
    if (segments() > 0)
      std::memcpy(static_cast<void*>(&expected[0]), &got[0],
                  static_cast<std::size_t>(segments()) * sizeof(result));
    if (!got.same_bits(expected))
      return ::testing::AssertionFailure() << "memory around out was written";
    if (!in_.download().same_bits(in_) || !with_.download().same_bits(with_))
      return ::testing::AssertionFailure() << "an input was written";

    const bool walks_rows = is_array || case_.axis == reduce::along::rows;
    for (std::int64_t s = 0; s < segments(); ++s) {
      const T* const x = length() == 0 ? nullptr : &in_[walks_rows ? s * ld_ : s];
      const T* const y = length() == 0 || Op::inputs == 1 ? nullptr : &with_[0];
      const auto right = is_result<T, Op>(got[s], x, y, length(), walks_rows ? 1 : ld_, exactly);
      if (!right) return ::testing::AssertionFailure() << "result " << s << ": " << right.message();
    }
    return ::testing::AssertionSuccess();
  }

  bool is_untouched() const override { return out_.download().same_bits(out_); }
  void keep_results() override { kept_ = out_.download(); }
  bool same_bits() const override {
    const guarded_array<result> now = out_.download();
    for (std::int64_t i = 0; i < segments(); ++i) {
      if constexpr (finds_place<T, Op>) {  // a result with padding
        if (std::memcmp(&now[i].value, &kept_[i].value, sizeof now[i].value) != 0 ||
            now[i].index != kept_[i].index)
          return false;
      } else {
        if (std::memcmp(&now[i], &kept_[i], sizeof(result)) != 0) return false;
      }
    }
    return true;
  }

 private:
  std::int64_t segments() const {
    return is_array ? 1 : case_.axis == reduce::along::rows ? case_.rows : case_.cols;
  }
  std::int64_t length() const {
    return is_array || case_.axis == reduce::along::rows ? case_.cols : case_.rows;
  }

  method<Problem> how_;
  reduce_case case_;
  std::int64_t ld_;
  Problem problem_;
  guarded_array<T> in_, with_;
  guarded_array<result> out_, kept_;
};

}  // namespace warpladder::test
