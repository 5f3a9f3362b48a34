// SPDX-License-Identifier: Apache-2.0
//
// GEMM problems as tests pose them: operands between canaries, and a reference that is computed
// here, in plain loops, independently of the library's own gemm::verify.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <thread>
#include <vector>
#include <warpladder/gemm/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

/// reals: uniform in [-1, 1], so that every operation rounds; judged by the error bound.
/// integers: -4 ... 4, so that no operation rounds; judged by equality, which sees a single missing
/// product that the bound would forgive.
enum class values { reals, integers };

enum class batching { packed, gapped, shared_a, shared_b, shared_both };

struct gemm_case {
  std::int64_t m = 1, n = 1, k = 1;
  gemm::transpose trans_a = gemm::transpose::no, trans_b = gemm::transpose::no;
  double alpha = 1, beta = 0;
  int gap = 0;     ///< elements by which each leading dimension exceeds its minimum
  int offset = 0;  ///< elements by which each pointer lies beyond a 256-byte boundary
  std::int64_t batch = 1;
  batching layout = batching::packed;
};

inline std::ostream& operator<<(std::ostream& out, const gemm_case& c) {
  const char* layouts[] = {"packed", "gapped", "shared a", "shared b", "shared a and b"};
  out << c.m << "x" << c.n << "x" << c.k << " " << (bool(c.trans_a) ? 'T' : 'N')
      << (bool(c.trans_b) ? 'T' : 'N') << " alpha " << c.alpha << " beta " << c.beta << " gap "
      << c.gap << " offset " << c.offset;
  if (c.batch != 1) out << " batch " << c.batch << " " << layouts[int(c.layout)];
  return out;
}

/// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014. The engines and
/// distributions of <random> would take longer to fill large matrices than the GPU to multiply
/// them.
struct splitmix64 {
  std::uint64_t state;

  std::uint64_t operator()() {
    std::uint64_t bits = state += 0x9E3779B97F4A7C15u;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
    return bits ^ bits >> 31;
  }
  /// 0 ... bound - 1
  int integer(std::uint64_t bound) { return static_cast<int>(((*this)() >> 32) * bound >> 32); }
  /// Uniform in [-1, 1].
  double real() { return 0x1p-63 * static_cast<double>(static_cast<std::int64_t>((*this)())); }
};

/// One problem with its three matrices. Everything that is not an element of a matrix (guards, the
/// gaps between rows and between the matrices of a batch) is a canary.
template <class T>
class gemm_operands {
 public:
  gemm_operands(const gemm_case& wanted, values kind, unsigned seed = 1)
      : shape_(wanted),
        a_rows_(bool(wanted.trans_a) ? wanted.k : wanted.m),
        a_cols_(bool(wanted.trans_a) ? wanted.m : wanted.k),
        b_rows_(bool(wanted.trans_b) ? wanted.n : wanted.k),
        b_cols_(bool(wanted.trans_b) ? wanted.k : wanted.n),
        problem_(describe(wanted)),
        a_(extent(a_rows_, a_cols_, problem_.lda, problem_.stride_a), wanted.offset, guard_inputs),
        b_(extent(b_rows_, b_cols_, problem_.ldb, problem_.stride_b), wanted.offset, guard_inputs),
        c_(extent(wanted.m, wanted.n, problem_.ldc, problem_.stride_c), wanted.offset, true),
        exact_(kind == values::integers) {
    problem_.a = a_.device();
    problem_.b = b_.device();
    problem_.c = c_.device();
    splitmix64 random{seed};
    fill(a_, a_rows_, a_cols_, problem_.lda, problem_.stride_a, random);
    fill(b_, b_rows_, b_cols_, problem_.ldb, problem_.stride_b, random);
    // With beta == 0 the elements of C stay canaries: reading one, or leaving one, shows as NaN.
    if (wanted.beta != 0) fill(c_, wanted.m, wanted.n, problem_.ldc, problem_.stride_c, random);
  }

  const gemm::problem<T>& problem() const { return problem_; }

  /// Elements of op(A), op(B) and C in the host images; call upload() after editing.
  T& a_at(std::int64_t row, std::int64_t k, std::int64_t batch = 0) {
    return a_[a_index(row, k, batch)];
  }
  T& b_at(std::int64_t k, std::int64_t col, std::int64_t batch = 0) {
    return b_[b_index(k, col, batch)];
  }
  T& c_at(std::int64_t row, std::int64_t col, std::int64_t batch = 0) {
    return c_[c_index(row, col, batch)];
  }
  std::int64_t c_index(std::int64_t row, std::int64_t col, std::int64_t batch = 0) const {
    return batch * problem_.stride_c + row * problem_.ldc + col;
  }

  void upload() const {
    a_.upload();
    b_.upload();
    c_.upload();
  }

  struct answer {
    double value, bound;
  };

  /// One element of the result in extended precision, and how far a computation in T may be off.
  /// A sum of k products with unit roundoff u, in any order, errs by at most
  /// gamma_k sum |a||b|, gamma_k = k u / (1 - k u); alpha, beta and the last addition round once
  /// each (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sections 3.1 and 3.5).
  answer reference(std::int64_t row, std::int64_t col, std::int64_t batch = 0) const {
    long double sum = 0, magnitude = 0;
    const bool reads_inputs = problem_.alpha != T(0);
    for (std::int64_t k = 0; reads_inputs && k < shape_.k; ++k) {
      const long double product =
          static_cast<long double>(a_[a_index(row, k, batch)]) * b_[b_index(k, col, batch)];
      sum += product;
      magnitude += std::fabs(product);
    }
    long double expected = problem_.alpha * sum;
    if (!reads_inputs) expected = 0;
    magnitude *= std::fabs(static_cast<long double>(problem_.alpha));
    if (problem_.beta != T(0)) {
      const long double old =
          static_cast<long double>(problem_.beta) * c_[c_index(row, col, batch)];
      expected += old;
      magnitude += std::fabs(old);
    }
    using limits = std::numeric_limits<T>;
    const double u = limits::epsilon() / 2, steps = static_cast<double>(shape_.k) + 3;
    const double gamma = steps * u / (1 - steps * u);
    return {static_cast<double>(expected),
            exact_ ? 0.0
                   : gamma * static_cast<double>(magnitude) +
                         steps * limits::denorm_min() * (1 + std::fabs(double(problem_.alpha)))};
  }

  /// Is `got` right where `want` is expected? NaN only for NaN, an infinity only for the same one,
  /// or where the bound reaches past the largest number.
  static bool accepts(const answer& want, T got) {
    if (std::isnan(want.value)) return std::isnan(got);
    if (std::isinf(want.value)) return static_cast<double>(got) == want.value;
    const double largest = std::numeric_limits<T>::max();
    if (std::isinf(got) && std::fabs(want.value) + want.bound > largest)
      return (got > 0) == (want.value > 0);
    return std::fabs(static_cast<double>(got) - want.value) <= want.bound;
  }

  /// The device's C against the reference, everything around C against the canaries, and A and B
  /// against what was uploaded.
  ::testing::AssertionResult check() const {
    const guarded_array<T> result = c_.download();
    // Right elements are put back to what they were, so that what remains different was written
    // outside of C.
    guarded_array<T> outside = c_.download();
    const std::int64_t elements = shape_.batch * shape_.m * shape_.n;
    std::atomic<std::int64_t> first_wrong = elements;
    in_parallel(elements, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto [row, col, batch] = position(i);
        const std::int64_t at = c_index(row, col, batch);
        if (!accepts(reference(row, col, batch), result[at])) {
          std::int64_t earlier = first_wrong;
          while (i < earlier && !first_wrong.compare_exchange_weak(earlier, i)) {
          }
          return;
        }
        outside[at] = c_[at];
      }
    });
    if (first_wrong < elements) {
      const auto [row, col, batch] = position(first_wrong);
      const answer want = reference(row, col, batch);
      return ::testing::AssertionFailure() << "C(" << row << ", " << col << ") of product " << batch
                                           << " is " << result[c_index(row, col, batch)]
                                           << ", expected " << want.value << " +- " << want.bound;
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
  guarded_array<T> download_c() const { return c_.download(); }
  guarded_array<T> initial_c() const { return c_.clone(); }

  /// True if the device wrote nothing but elements of C.
  bool surroundings_intact() const {
    guarded_array<T> now = c_.download();
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

  static gemm::problem<T> describe(const gemm_case& w) {
    gemm::problem<T> p{.m = w.m, .n = w.n, .k = w.k};
    p.trans_a = w.trans_a;
    p.trans_b = w.trans_b;
    p.alpha = static_cast<T>(w.alpha);
    p.beta = static_cast<T>(w.beta);
    p.batch = w.batch;
    const auto leading = [&](std::int64_t cols) {
      return (cols > 0 ? cols : 1) + std::int64_t{w.gap};
    };
    p.lda = leading(bool(w.trans_a) ? w.m : w.k);
    p.ldb = leading(bool(w.trans_b) ? w.k : w.n);
    p.ldc = leading(w.n);
    const std::int64_t between = w.layout == batching::gapped ? 7 : 0;
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

  void fill(guarded_array<T>& matrix, std::int64_t rows, std::int64_t cols, std::int64_t ld,
            std::int64_t stride, splitmix64& random) {
    for (std::int64_t batch = 0; batch < (stride == 0 ? 1 : shape_.batch); ++batch) {
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t col = 0; col < cols; ++col) {
          matrix[batch * stride + row * ld + col] =
              exact_ ? static_cast<T>(random.integer(9) - 4) : static_cast<T>(random.real());
        }
      }
    }
  }

  struct place {
    std::int64_t row, col, batch;
  };
  /// Of the i-th element of all products, counted row by row.
  place position(std::int64_t i) const {
    return {i / shape_.n % shape_.m, i % shape_.n, i / (shape_.m * shape_.n)};
  }

  /// Runs `body` on equal parts of [0, elements), on several threads where the reference takes long
  /// enough (10^6 products, ~2 ms) to pay for starting them (~20 us each).
  template <class Body>
  void in_parallel(std::int64_t elements, const Body& body) const {
    const double products = double(elements) * double(shape_.k + 16);
    const std::int64_t parts =
        products < 1e6 ? 1 : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    for (std::int64_t part = 1; part < parts; ++part)
      others.emplace_back(body, elements * part / parts, elements * (part + 1) / parts);
    body(std::int64_t{0}, elements / parts);
  }

  std::int64_t a_index(std::int64_t row, std::int64_t k, std::int64_t batch) const {
    return batch * problem_.stride_a + row * problem_.a_row() + k * problem_.a_col();
  }
  std::int64_t b_index(std::int64_t k, std::int64_t col, std::int64_t batch) const {
    return batch * problem_.stride_b + k * problem_.b_row() + col * problem_.b_col();
  }

  gemm_case shape_;
  std::int64_t a_rows_, a_cols_, b_rows_, b_cols_;
  gemm::problem<T> problem_;
  guarded_array<T> a_, b_, c_;
  bool exact_;
};

}  // namespace warpladder::test
