// SPDX-License-Identifier: Apache-2.0
//
// Scans as tests pose them: arrays between canaries, and a reference in plain loops.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <type_traits>
#include <utility>
#include <vector>
#include <warpladder/scan/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

/// exact: no operation rounds (floats are small integers), judged by equality, which sees a single
/// missing element. reals: uniform in [-1, 1], judged by the error bound.
enum class scan_values { exact, reals };

struct scan_case {
  std::int64_t n = 1;
  scan::kind what = scan::kind::inclusive;
  bool initial = false;               ///< a value of its own, or the identity
  int offset_in = 0, offset_out = 0;  ///< elements beyond a 256-byte boundary
  bool in_place = false;              ///< out == in; offset_out does not count
};

inline std::ostream& operator<<(std::ostream& out, const scan_case& c) {
  out << c.n << (c.what == scan::kind::inclusive ? " inclusive" : " exclusive") << " offsets "
      << c.offset_in << " " << c.offset_out;
  return out << (c.initial ? " initial" : "") << (c.in_place ? " in place" : "");
}

/// Knuth's MMIX generator; the upper bits are the good ones.
struct random_bits {
  std::uint64_t state;
  std::uint32_t operator()() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return std::uint32_t(state >> 32);
  }
};

template <class T>
T random_element(random_bits& random, scan_values kind) {
  if constexpr (std::is_floating_point_v<T>) {
    if (kind == scan_values::exact) return T(int(random() % 9) - 4);
    return T(std::int32_t(random())) / T(0x1p31);
  } else {
    return T(std::uint64_t(random()) << 32 | random());
  }
}

/// One problem with its arrays. Everything that is not an element of `out` is a canary or must
/// remain as it is.
template <class T, class Op>
class scan_operands {
  using accumulator = typename Op::accumulator;
  using result = typename Op::result;
  static constexpr bool can_be_in_place = std::is_same_v<T, result>;

 public:
  explicit scan_operands(const scan_case& c, scan_values kind = scan_values::exact, Op op = {})
      : exact_(kind == scan_values::exact || !std::is_floating_point_v<result>),
        in_(c.n, c.offset_in, guard_input || c.in_place),
        out_(c.in_place ? 0 : c.n, c.offset_out, true),
        problem_{c.n, in_.device(), nullptr, c.what, op} {
    random_bits random{std::uint64_t(c.n) + 1};
    if (c.initial) problem_.initial = op.lift(random_element<T>(random, kind), 77);
    for (std::int64_t i = 0; i < c.n; ++i) in_[i] = random_element<T>(random, kind);
    if constexpr (can_be_in_place) {
      problem_.out = c.in_place ? in_.device() : out_.device();
    } else {
      problem_.out = out_.device();
    }
  }

  const scan::problem<T, Op>& problem() const { return problem_; }
  /// Elements of the host image; call upload() after editing.
  T& operator[](std::int64_t i) { return in_[i]; }

  void upload() const {
    in_.upload();
    out_.upload();
  }

  /// Does the device hold what it held after upload()?
  bool is_untouched() const {
    return in_.download().same_bits(in_) && out_.download().same_bits(out_);
  }

  ::testing::AssertionResult check() const {
    if (in_place()) {
      if constexpr (can_be_in_place) return check_out(in_);
    }
    if (!in_.download().same_bits(in_)) return ::testing::AssertionFailure() << "in was written";
    return check_out(out_);
  }

  /// What the device holds in `out`.
  std::vector<result> results() const {
    std::vector<result> all(static_cast<std::size_t>(problem_.n));
    WARPLADDER_TRY(
        cudaMemcpy(all.data(), problem_.out, all.size() * sizeof(result), cudaMemcpyDeviceToHost));
    return all;
  }

 private:
#if defined(WARPLADDER_HOST_EXECUTOR) && !defined(__SANITIZE_ADDRESS__)
  static constexpr bool guard_input = true;
#else
  static constexpr bool guard_input = false;  // a sanitizer sees reads beyond the allocation
#endif

  bool in_place() const {
    return static_cast<const void*>(problem_.out) == problem_.in;
  }

  ::testing::AssertionResult check_out(const guarded_array<result>& image) const {
    const guarded_array<result> got = image.download();
    guarded_array<result> around = image.download();  // with the elements taken out
    for (std::int64_t i = 0; i < problem_.n; ++i) around[i] = image[i];
    if (!around.same_bits(image))
      return ::testing::AssertionFailure() << "memory around out was written";
    if constexpr (std::is_same_v<Op, sum<T>> && std::is_floating_point_v<T>) {
      return check_float_sums(got);
    } else {
      return check_fold(got);
    }
  }

  /// The operation, element after element.
  ::testing::AssertionResult check_fold(const guarded_array<result>& got) const {
    accumulator all = problem_.initial;
    for (std::int64_t i = 0; i < problem_.n; ++i) {
      const accumulator with = problem_.op.combine(all, problem_.op.lift(in_[i], i));
      const result want = problem_.op.finish(problem_.what == scan::kind::inclusive ? with : all);
      bool right = std::memcmp(&want, &got[i], sizeof want) == 0;
      if constexpr (std::is_floating_point_v<result>)
        right |= std::isnan(want) && std::isnan(got[i]);
      if (!right) return ::testing::AssertionFailure() << "wrong, or not written: element " << i;
      all = with;
    }
    return ::testing::AssertionSuccess();
  }

  /// Sums of floats. k numbers that are added in any order err by at most gamma_(k-1) sum |x| with
  /// gamma_k = k u / (1 - k u) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
  /// section 4.2); the reference errs by as many of its own roundings. What is not finite: the
  /// reference alone knows what has to come out.
  ::testing::AssertionResult check_float_sums(const guarded_array<result>& got) const {
    const double u = std::numeric_limits<result>::epsilon() / 2;
    const double own_u = double(std::numeric_limits<long double>::epsilon()) / 2;
    long double sum = problem_.initial, magnitude = std::fabs(sum);
    for (std::int64_t i = 0; i < problem_.n; ++i) {
      const long double before = sum, before_magnitude = magnitude;
      sum += in_[i], magnitude += std::fabs((long double)(in_[i]));
      const bool with = problem_.what == scan::kind::inclusive;
      const long double want = with ? sum : before;
      const double k = double(i + with);  // roundings: one less than numbers, one more for initial
      const double bound =
          exact_ ? 0
                 : (k * u / (1 - k * u) + k * own_u) * double(with ? magnitude : before_magnitude);
      const bool right = std::isfinite(want) ? std::fabs(got[i] - want) <= bound
                         : std::isnan(want)  ? std::isnan(got[i])
                                             : (long double)(got[i]) == want;
      if (!right) {
        return ::testing::AssertionFailure() << "element " << i << " is " << got[i] << ", expected "
                                             << double(want) << " within " << bound;
      }
    }
    return ::testing::AssertionSuccess();
  }

  bool exact_;
  guarded_array<T> in_;
  guarded_array<result> out_;
  scan::problem<T, Op> problem_;
};

}  // namespace warpladder::test
