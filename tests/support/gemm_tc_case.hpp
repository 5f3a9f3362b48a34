// SPDX-License-Identifier: Apache-2.0
//
// Tensor core GEMMs as tests pose them: operands between canaries, and a reference that is computed
// here, in plain loops, independently of the library's own gemm_tc::verify. The two share what the
// hardware is believed to round (gemm_tc/arithmetic.hpp) and nothing else.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <type_traits>
#include <vector>
#include <warpladder/gemm_tc/arithmetic.hpp>
#include <warpladder/gemm_tc/problem.hpp>

#include "gemm_case.hpp"
#include "guarded_array.hpp"

namespace warpladder::test {

template <class T>
T from_bits(unsigned bits) {
  const auto narrow = static_cast<
      std::conditional_t<sizeof(T) == 1, std::uint8_t,
                         std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint32_t>>>(bits);
  T value;
  std::memcpy(static_cast<void*>(&value), &narrow, sizeof value);
  return value;
}

// As for float and double: NaNs that no arithmetic produces.
template <>
inline __nv_bfloat16 canary() {
  return from_bits<__nv_bfloat16>(0x7fbe);
}
template <>
inline __half canary() {
  return from_bits<__half>(0x7e5a);
}
template <>
inline __nv_fp8_e4m3 canary() {
  return from_bits<__nv_fp8_e4m3>(0xff);
}
template <>
inline __nv_fp8_e5m2 canary() {
  return from_bits<__nv_fp8_e5m2>(0xfd);
}

/// What the types can hold, as far as tests need it.
template <class T>
struct numbers {
  static T nan() { return T(std::numeric_limits<float>::quiet_NaN()); }
  static T infinity() { return T(std::numeric_limits<float>::infinity()); }
  static constexpr bool has_infinity = true;
  static constexpr double largest = gemm_tc::storage<T>::largest;
  static constexpr double smallest_normal = std::is_same_v<T, __half> ? 0x1p-14 : 0x1p-126;
  static constexpr int spread = std::is_same_v<T, __half> ? 10 : 40;
};
template <>
struct numbers<__nv_fp8_e4m3> {
  static __nv_fp8_e4m3 nan() { return from_bits<__nv_fp8_e4m3>(0x7f); }
  static constexpr bool has_infinity = false;
  static constexpr double largest = 448, smallest_normal = 0x1p-6;
  static constexpr int spread = 6;
};
template <>
struct numbers<__nv_fp8_e5m2> {
  static __nv_fp8_e5m2 nan() { return from_bits<__nv_fp8_e5m2>(0x7f); }
  static __nv_fp8_e5m2 infinity() { return from_bits<__nv_fp8_e5m2>(0x7c); }
  static constexpr bool has_infinity = true;
  static constexpr double largest = 57344, smallest_normal = 0x1p-14;
  static constexpr int spread = 12;
};

template <class T>
double real(T value) {
  if constexpr (std::is_integral_v<T>) {
    return value;
  } else {
    return static_cast<float>(value);
  }
}

enum class tc_values {
  reals,       ///< uniform in [-1, 1], all 256 numbers for int8: judged by the bound
  wide,        ///< powers of two across most of the type's range, of both signs: judged so too
  cancelling,  ///< each product is followed by its negative, and one small one is left
  integers,    ///< -4 ... 4: nothing may round but the output, so judged by equality
};

struct tc_case {
  std::int64_t m = 1, n = 1, k = 1;
  gemm::transpose trans_a = gemm::transpose::no, trans_b = gemm::transpose::no;
  double alpha = 1, beta = 0;
  int align = 16;  ///< leading dimensions are multiples of this ...
  int gap = 0;     ///< ... and so much larger than they must be
  int offset = 0;  ///< elements by which each pointer lies beyond a 256-byte boundary
  std::int64_t batch = 1;
  batching layout = batching::packed;
};

inline std::ostream& operator<<(std::ostream& out, const tc_case& c) {
  const char* layouts[] = {"packed", "gapped", "shared a", "shared b", "shared a and b"};
  out << c.m << "x" << c.n << "x" << c.k << " " << (bool(c.trans_a) ? 'T' : 'N')
      << (bool(c.trans_b) ? 'T' : 'N') << " alpha " << c.alpha << " beta " << c.beta
      << " rows of whole " << c.align << " gap " << c.gap << " offset " << c.offset;
  if (c.batch != 1) out << " batch " << c.batch << " " << layouts[int(c.layout)];
  return out;
}

/// Scalars of cases as int8 has them: whole.
template <class Scalar>
Scalar scalar_of(double value) {
  if (std::is_integral_v<Scalar> && value != std::floor(value))
    return static_cast<Scalar>(6 * value);
  return static_cast<Scalar>(value);
}

/// What an element of C should be.
struct tc_answer {
  double value;
  double bound;
  double reach;       ///< the largest that any partial sum can be
  bool may_overflow;  ///< in a partial sum or when it is stored
};

/// alpha * (the sum of `depth` products a[k] * b[k]) + beta * old, and how far tensor cores may be
/// off: gemm_tc/verify.cuh says why. beta == 0 does not look at `old`.
template <class In, class Out, class Scalar>
tc_answer tc_expect(const double* a, const double* b, std::int64_t depth, Scalar alpha, Scalar beta,
                    Out old) {
  using facts = gemm_tc::arithmetic<In>;
  constexpr double least = facts::input_error > 0 ? 0x1p-126 : 0;
  double sum = 0, magnitude = 0;
  for (std::int64_t k = 0; k < depth; ++k) {  // each product is exact
    sum += a[k] * b[k];
    magnitude += std::max(std::fabs(a[k]), least) * std::max(std::fabs(b[k]), least);
  }
  if constexpr (std::is_same_v<In, std::int8_t>) {  // modulo 2^32
    std::uint32_t value = std::uint32_t(alpha) * std::uint32_t(std::int64_t(sum));
    if (beta != 0) value += std::uint32_t(beta) * std::uint32_t(old);
    return {double(std::int32_t(value)), 0, 0, false};
  } else {
    using stored = gemm_tc::storage<Out>;
    const double factor = std::fabs(alpha);
    double value = depth == 0 ? 0 : alpha * sum, reach = factor * magnitude;
    if (beta != 0) {
      value += beta * real(old);
      reach += std::fabs(beta * real(old));
    }
    const double inputs_off = (1 + facts::input_error) * (1 + facts::input_error) - 1;
    const double steps = gemm_tc::roundings(double(depth));
    double bound = reach * (inputs_off + steps * facts::addition_error * (1 + inputs_off)) +
                   steps * 0x1p-149 * (1 + factor);
    bound += stored::unit_roundoff * (std::fabs(value) + bound) + stored::smallest / 2;
    return {value, bound, reach,
            std::fabs(value) + bound > stored::largest ||
                std::max(magnitude, reach) * (1 + inputs_off) > 0x1.fffffep127};
  }
}

/// Is what was computed right? `exactly`: nothing may have been rounded but the result.
/// `more_roundings`: how often a sum may be rounded to Out on its way.
template <class Out>
bool tc_accepts(tc_answer want, Out got, bool exactly, int more_roundings = 0) {
  const double is = real(got);
  if constexpr (std::is_integral_v<Out>) {
    return is == want.value;
  } else {
    if (std::isnan(want.value)) return std::isnan(is);
    if (std::isinf(want.value)) return is == want.value;
    if (exactly && more_roundings == 0) return is == real(Out(static_cast<float>(want.value)));
    want.bound += more_roundings * gemm_tc::storage<Out>::unit_roundoff * want.reach;
    if (!std::isfinite(is)) return want.may_overflow;
    return std::fabs(is - want.value) <= want.bound;
  }
}

/// A random value of a matrix of T, in a problem with inputs In.
template <class In, class T>
T tc_draw(tc_values kind, splitmix64& random) {
  if constexpr (std::is_integral_v<T>) {
    if (kind == tc_values::integers) return static_cast<T>(random.integer(9) - 4);
    return static_cast<T>(random());  // any bits
  } else {
    switch (kind) {
      case tc_values::integers:
        return T(float(random.integer(9) - 4));
      case tc_values::wide: {
        const int spread = std::min(numbers<In>::spread, numbers<T>::spread);
        const int exponent = random.integer(2 * std::uint64_t(spread) + 1) - spread;
        return T(std::ldexp(random() % 2 == 0 ? 1.0f : -1.5f, exponent));
      }
      default:
        return T(static_cast<float>(random.real()));
    }
  }
}

/// One problem with its three matrices. Everything that is not an element of a matrix (guards, the
/// gaps between rows and between the matrices of a batch) is a canary.
template <class In, class Out>
class tc_operands {
 public:
  using problem = gemm_tc::problem<In, Out>;
  using scalar = typename problem::scalar;
  static constexpr bool is_whole = std::is_same_v<In, std::int8_t>;

  tc_operands(const tc_case& wanted, tc_values kind, unsigned seed = 1)
      : shape_(wanted),
        kind_(kind),
        a_rows_(bool(wanted.trans_a) ? wanted.k : wanted.m),
        a_cols_(bool(wanted.trans_a) ? wanted.m : wanted.k),
        b_rows_(bool(wanted.trans_b) ? wanted.n : wanted.k),
        b_cols_(bool(wanted.trans_b) ? wanted.k : wanted.n),
        problem_(describe(wanted)),
        a_(extent(a_rows_, a_cols_, problem_.lda, problem_.stride_a), wanted.offset, guard_inputs),
        b_(extent(b_rows_, b_cols_, problem_.ldb, problem_.stride_b), wanted.offset, guard_inputs),
        c_(extent(wanted.m, wanted.n, problem_.ldc, problem_.stride_c), wanted.offset, true) {
    problem_.a = a_.device();
    problem_.b = b_.device();
    problem_.c = c_.device();
    splitmix64 random{seed};
    const auto each = [&](std::int64_t stride, auto&& fill) {
      for (std::int64_t batch = 0; batch < (stride == 0 ? 1 : shape_.batch); ++batch) fill(batch);
    };
    each(problem_.stride_a, [&](std::int64_t batch) {
      for (std::int64_t row = 0; row < shape_.m; ++row) {
        for (std::int64_t k = 0; k < shape_.k; ++k) {
          const bool undoes = kind_ == tc_values::cancelling && k % 2 == 1;
          a_at(row, k, batch) = undoes ? negative(a_at(row, k - 1, batch)) : draw<In>(random);
        }
        if (kind_ == tc_values::cancelling && shape_.k % 2 == 1)
          a_at(row, shape_.k - 1, batch) = In(float(smallest_positive() * 4));
      }
    });
    each(problem_.stride_b, [&](std::int64_t batch) {
      for (std::int64_t col = 0; col < shape_.n; ++col) {
        for (std::int64_t k = 0; k < shape_.k; ++k) {
          const bool repeats = kind_ == tc_values::cancelling && k % 2 == 1;
          b_at(k, col, batch) = repeats ? b_at(k - 1, col, batch) : draw<In>(random);
        }
      }
    });
    // With beta == 0 the elements of C stay canaries: reading one, or leaving one, shows.
    if (wanted.beta == 0) return;
    each(1, [&](std::int64_t batch) {
      for (std::int64_t row = 0; row < shape_.m; ++row) {
        for (std::int64_t col = 0; col < shape_.n; ++col) c_at(row, col, batch) = draw<Out>(random);
      }
    });
  }

  const problem& get() const { return problem_; }

  /// Elements of op(A), op(B) and C in the host images; call upload() after editing.
  In& a_at(std::int64_t row, std::int64_t k, std::int64_t batch = 0) {
    return a_[a_index(row, k, batch)];
  }
  In& b_at(std::int64_t k, std::int64_t col, std::int64_t batch = 0) {
    return b_[b_index(k, col, batch)];
  }
  Out& c_at(std::int64_t row, std::int64_t col, std::int64_t batch = 0) {
    return c_[c_index(row, col, batch)];
  }

  void upload() const {
    a_.upload();
    b_.upload();
    c_.upload();
  }

  using answer = tc_answer;

  /// One element of the result, and how far tensor cores may be off: gemm_tc/verify.cuh says why.
  answer reference(std::int64_t row, std::int64_t col, std::int64_t batch = 0) const {
    return answer_at(inputs_of(batch), row, col, batch);
  }

  /// The device's C against the reference, everything around C against the canaries, and A and B
  /// against what was uploaded. `more_roundings`: how often a sum may be rounded to Out on its way.
  ::testing::AssertionResult check(int more_roundings = 0) const {
    const guarded_array<Out> result = c_.download();
    // Right elements are put back to what they were: what remains different was written outside.
    guarded_array<Out> outside = c_.download();
    for (std::int64_t batch = 0; batch < shape_.batch; ++batch) {
      const inputs in = inputs_of(batch);
      for (std::int64_t row = 0; row < shape_.m; ++row) {
        for (std::int64_t col = 0; col < shape_.n; ++col) {
          const std::int64_t at = c_index(row, col, batch);
          const answer want = answer_at(in, row, col, batch);
          if (!accepts(want, result[at], more_roundings)) {
            return ::testing::AssertionFailure()
                   << "C(" << row << ", " << col << ") of product " << batch << " is "
                   << real(result[at]) << ", expected " << want.value << " +- " << want.bound
                   << (kind_ == tc_values::integers ? ", exactly" : "");
          }
          outside[at] = c_[at];
        }
      }
    }
    if (!outside.same_bits(c_)) {
      return ::testing::AssertionFailure() << "memory outside of C was written, at element "
                                           << outside.first_difference(c_) << " counted from c";
    }
    if (!a_.download().same_bits(a_)) return ::testing::AssertionFailure() << "A was written";
    if (!b_.download().same_bits(b_)) return ::testing::AssertionFailure() << "B was written";
    return ::testing::AssertionSuccess();
  }

  /// C and its surroundings as the device holds them now, and as they were at upload(), in device
  /// memory of its own.
  guarded_array<Out> download_c() const { return c_.download(); }
  guarded_array<Out> initial_c() const { return c_.clone(); }

  /// True if the device wrote nothing but elements of C.
  bool surroundings_intact() const {
    guarded_array<Out> now = c_.download();
    for (std::int64_t batch = 0; batch < shape_.batch; ++batch) {
      for (std::int64_t row = 0; row < shape_.m; ++row) {
        for (std::int64_t col = 0; col < shape_.n; ++col) {
          const std::int64_t at = c_index(row, col, batch);
          now[at] = c_[at];
        }
      }
    }
    return now.same_bits(c_) && a_.download().same_bits(a_) && b_.download().same_bits(b_);
  }

 private:
#ifdef __SANITIZE_ADDRESS__
  static constexpr bool guard_inputs = false;
#elif defined(WARPLADDER_HOST_EXECUTOR)
  static constexpr bool guard_inputs = true;
#else
  static constexpr bool guard_inputs = false;  // compute-sanitizer sees the end of the allocation
#endif

  /// What an element is computed from, as numbers: the rows of op(A) and the columns of op(B).
  struct inputs {
    std::vector<double> a, b;
  };
  inputs inputs_of(std::int64_t batch) const {
    inputs in;
    for (std::int64_t row = 0; row < shape_.m; ++row) {
      for (std::int64_t k = 0; k < shape_.k; ++k) in.a.push_back(real(a_[a_index(row, k, batch)]));
    }
    for (std::int64_t col = 0; col < shape_.n; ++col) {
      for (std::int64_t k = 0; k < shape_.k; ++k) in.b.push_back(real(b_[b_index(k, col, batch)]));
    }
    return in;
  }

  answer answer_at(const inputs& in, std::int64_t row, std::int64_t col, std::int64_t batch) const {
    return tc_expect<In, Out>(in.a.data() + row * shape_.k, in.b.data() + col * shape_.k,
                              problem_.alpha == 0 ? 0 : shape_.k, problem_.alpha, problem_.beta,
                              c_[c_index(row, col, batch)]);
  }

  bool accepts(const answer& want, Out got, int more_roundings) const {
    return tc_accepts(want, got, kind_ == tc_values::integers, more_roundings);
  }

  static In negative(In value) {
    if constexpr (is_whole) {
      return static_cast<In>(-value);
    } else {
      return In(-static_cast<float>(value));
    }
  }

  static double smallest_positive() {
    if constexpr (is_whole) {
      return 1;
    } else {
      return numbers<In>::smallest_normal;
    }
  }

  template <class T>
  T draw(splitmix64& random) const {
    return tc_draw<In, T>(kind_, random);
  }

  static problem describe(const tc_case& w) {
    problem p{.m = w.m, .n = w.n, .k = w.k};
    p.trans_a = w.trans_a;
    p.trans_b = w.trans_b;
    p.alpha = scalar_of<scalar>(w.alpha);
    p.beta = scalar_of<scalar>(w.beta);
    p.batch = w.batch;
    const auto leading = [&](std::int64_t cols) {
      return (std::max<std::int64_t>(cols, 1) + w.align - 1) / w.align * w.align + w.gap;
    };
    p.lda = leading(bool(w.trans_a) ? w.m : w.k);
    p.ldb = leading(bool(w.trans_b) ? w.k : w.n);
    p.ldc = leading(w.n);
    const std::int64_t between = w.layout != batching::gapped ? 0 : w.align > 1 ? w.align : 7;
    const bool one_a = w.layout == batching::shared_a || w.layout == batching::shared_both;
    const bool one_b = w.layout == batching::shared_b || w.layout == batching::shared_both;
    p.stride_a = one_a ? 0 : (bool(w.trans_a) ? w.k : w.m) * p.lda + between;
    p.stride_b = one_b ? 0 : (bool(w.trans_b) ? w.n : w.k) * p.ldb + between;
    p.stride_c = w.m * p.ldc + between;
    return p;
  }

  std::int64_t extent(std::int64_t rows, std::int64_t cols, std::int64_t ld,
                      std::int64_t stride) const {
    return gemm::detail::batch_extent(gemm::detail::matrix_extent(rows, cols, ld), shape_.batch,
                                      stride);
  }

  std::int64_t a_index(std::int64_t row, std::int64_t k, std::int64_t batch) const {
    return batch * problem_.stride_a + row * problem_.a_row() + k * problem_.a_col();
  }
  std::int64_t b_index(std::int64_t k, std::int64_t col, std::int64_t batch) const {
    return batch * problem_.stride_b + k * problem_.b_row() + col * problem_.b_col();
  }
  std::int64_t c_index(std::int64_t row, std::int64_t col, std::int64_t batch) const {
    return batch * problem_.stride_c + row * problem_.ldc + col;
  }

  tc_case shape_;
  tc_values kind_;
  std::int64_t a_rows_, a_cols_, b_rows_, b_cols_;
  problem problem_;
  guarded_array<In> a_, b_;
  guarded_array<Out> c_;
};

}  // namespace warpladder::test
