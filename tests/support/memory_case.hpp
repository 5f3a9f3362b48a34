// SPDX-License-Identifier: Apache-2.0
//
// Transpositions and copies as tests pose them: matrices between canaries, elements coded by their
// index, and the expected bytes of everything, written here in plain loops.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <type_traits>
#include <warpladder/memory/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

struct memory_case {
  std::int64_t rows = 1, cols = 1;
  int gap_in = 0, gap_out = 0;        ///< elements by which leading dimensions exceed their minimum
  int offset_in = 0, offset_out = 0;  ///< elements beyond a 256-byte boundary
};

inline std::ostream& operator<<(std::ostream& out, const memory_case& c) {
  return out << c.rows << "x" << c.cols << " gaps " << c.gap_in << " " << c.gap_out << " offsets "
             << c.offset_in << " " << c.offset_out;
}

/// The element of that number. Hardly two are alike as far as the bits of T reach, and neighbours
/// differ in their lowest byte. Floats are normal numbers: cuBLAS multiplies them by 1.
template <class T>
T coded(std::uint64_t number) {
  // An odd factor permutes the numbers below 2^64, and their lower halves those below 2^32.
  std::uint64_t bits[2] = {(number + 1) * 0x9E3779B97F4A7C15u, ~number};
  if constexpr (std::is_same_v<T, float>) {
    const std::uint64_t exponent = bits[0] >> 23 & 0xff;
    if (exponent == 0 || exponent == 0xff) bits[0] ^= std::uint64_t{1} << 23;
  }
  T value;
  std::memcpy(&value, bits, sizeof value);
  return value;
}

/// One problem with its two matrices. Everything that is not an element is a canary.
template <class T, template <class> class Problem>
class memory_operands {
 public:
  explicit memory_operands(const memory_case& c)
      : problem_(describe(c)),
        in_(extent(c.rows, c.cols, problem_.ld_in), c.offset_in, guard_input),
        out_(extent(problem_.out_rows(), problem_.out_cols(), problem_.ld_out), c.offset_out, true),
        expected_(out_.clone()) {
    constexpr bool transposes = std::is_same_v<Problem<T>, memory::transpose_problem<T>>;
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const T value = coded<T>(static_cast<std::uint64_t>(i * c.cols + j));
        in_[i * problem_.ld_in + j] = value;
        expected_[transposes ? j * problem_.ld_out + i : i * problem_.ld_out + j] = value;
      }
    }
    problem_.in = in_.device();
    problem_.out = out_.device();
  }

  const Problem<T>& problem() const { return problem_; }

  /// `in` with its values, `out` with canaries alone.
  void upload() const {
    in_.upload();
    out_.upload();
  }

  ::testing::AssertionResult check() const {
    const guarded_array<T> got = out_.download();
    if (!got.same_bits(expected_)) {
      return ::testing::AssertionFailure()
             << "wrong, or written although no element of out: element "
             << got.first_difference(expected_) << " counted from out";
    }
    if (!in_.download().same_bits(in_)) return ::testing::AssertionFailure() << "in was written";
    return ::testing::AssertionSuccess();
  }

 private:
#if defined(WARPLADDER_HOST_EXECUTOR) && !defined(__SANITIZE_ADDRESS__)
  static constexpr bool guard_input = true;
#else
  static constexpr bool guard_input = false;  // a sanitizer sees reads beyond the allocation
#endif

  static Problem<T> describe(const memory_case& c) {
    Problem<T> p{.rows = c.rows, .cols = c.cols};
    p.ld_in = std::max<std::int64_t>(1, c.cols) + c.gap_in;
    p.ld_out = std::max<std::int64_t>(1, p.out_cols()) + c.gap_out;
    return p;
  }

  static std::int64_t extent(std::int64_t rows, std::int64_t cols, std::int64_t ld) {
    return rows == 0 || cols == 0 ? 0 : (rows - 1) * ld + cols;
  }

  Problem<T> problem_;
  guarded_array<T> in_, out_, expected_;
};

}  // namespace warpladder::test
