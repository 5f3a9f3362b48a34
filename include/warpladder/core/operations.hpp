// SPDX-License-Identifier: Apache-2.0
//
// What reductions and scans compute. An operation is a struct with
//
//   using input;        type of the elements
//   using accumulator;  type in which they are combined, 1 to 16 bytes; trivially copyable and
//                       trivially default-constructible, as it lies in shared memory
//   using result;       type of what comes out
//   int inputs;         arrays that lift() reads: 1, or 2 for dot
//   identity()          an accumulator that changes none, combined on either side
//   lift(x, index)      one element as an accumulator; lift(x, y, index) for two inputs
//   combine(a, b)       a stands before b in the array
//   finish(a)           the result
//
// all const, and may have combine_in_order(a, b), a cheaper combine for neighbours that both hold
// elements. combine must be associative, exactly or as nearly as floating point is; it need not be
// commutative for scans, but has to be for reductions. reduction_of() makes one of lambdas.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <type_traits>
#include <warpladder/core/element.hpp>

namespace warpladder {

namespace detail {

/// What every operation on T has, unless it says otherwise.
template <class T, class Accumulator = accumulator_t<T>>
struct operation {
  using input = T;
  using accumulator = Accumulator;
  using result = Accumulator;
  static constexpr int inputs = 1;

  __host__ __device__ accumulator lift(T x, std::int64_t) const { return accumulator(x); }
  __host__ __device__ result finish(accumulator a) const { return a; }
};

/// Signed integers wrap, as CUDA's do; adding them as they are would be undefined.
template <class T>
__host__ __device__ constexpr T wrapping_add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using bits = std::make_unsigned_t<T>;
    return T(bits(a) + bits(b));
  } else {
    return a + b;
  }
}

template <class T>
__host__ __device__ constexpr T wrapping_product(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using bits = std::make_unsigned_t<T>;
    return T(1u * bits(a) * bits(b));  // 1u: 16 bits would be promoted to int, and overflow it
  } else {
    return a * b;
  }
}

template <class T>
__host__ __device__ constexpr bool is_nan(T x) {
  return x != x;
}

/// The ends of T's range. Constants, as device code may not call the functions of numeric_limits.
template <class T>
struct range {
  using limits = std::numeric_limits<T>;
  static constexpr T highest = limits::has_infinity ? limits::infinity() : limits::max();
  static constexpr T lowest = limits::has_infinity ? -limits::infinity() : limits::lowest();
};

}  // namespace detail

/// Combines neighbours, a before b: by combine_in_order() where the operation has one.
template <class Op, class Accumulator>
__host__ __device__ Accumulator combine_in_order(const Op& op, Accumulator a, Accumulator b) {
  if constexpr (requires { op.combine_in_order(a, b); }) {
    return op.combine_in_order(a, b);
  } else {
    return op.combine(a, b);
  }
}

/// x[0] + x[1] + ... The sum of nothing is 0. Integers wrap around; 16-bit floats are added, and
/// returned, as float.
template <class T>
struct sum : detail::operation<T> {
  using typename detail::operation<T>::accumulator;
  __host__ __device__ accumulator identity() const { return accumulator(0); }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    return detail::wrapping_add(a, b);
  }
};

/// The smallest element, a NaN if there is one; of nothing, infinity or the largest integer.
/// Which of -0 and +0 is returned is not specified.
template <class T>
struct minimum : detail::operation<T> {
  using typename detail::operation<T>::accumulator;
  __host__ __device__ accumulator identity() const { return detail::range<accumulator>::highest; }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    return a < b || detail::is_nan(a) ? a : b;
  }
};

/// The largest element, a NaN if there is one; of nothing, -infinity or the smallest integer.
template <class T>
struct maximum : detail::operation<T> {
  using typename detail::operation<T>::accumulator;
  __host__ __device__ accumulator identity() const { return detail::range<accumulator>::lowest; }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    return a > b || detail::is_nan(a) ? a : b;
  }
};

/// An element and where it stands; index -1 if there was none.
template <class T>
struct indexed {
  T value;
  std::int64_t index;
};

/// The smallest element and its index: the first one of several equal ones, the first NaN if there
/// is one. Of nothing: {infinity or the largest integer, -1}.
template <class T>
struct argmin : detail::operation<T, indexed<accumulator_t<T>>> {
  using typename detail::operation<T, indexed<accumulator_t<T>>>::accumulator;
  __host__ __device__ accumulator identity() const {
    return {detail::range<accumulator_t<T>>::highest, -1};
  }
  __host__ __device__ accumulator lift(T x, std::int64_t index) const {
    return {accumulator_t<T>(x), index};
  }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    const bool equal = a.value == b.value || (detail::is_nan(a.value) && detail::is_nan(b.value));
    // The identity's -1 is the highest unsigned index: it loses against every element.
    if (equal) return std::uint64_t(a.index) < std::uint64_t(b.index) ? a : b;
    return a.value < b.value || detail::is_nan(a.value) ? a : b;
  }
  __host__ __device__ accumulator combine_in_order(accumulator a, accumulator b) const {
    return a.value <= b.value || detail::is_nan(a.value) ? a : b;
  }
};

/// The largest element and its index; the rest as for argmin, with -infinity or the smallest
/// integer.
template <class T>
struct argmax : detail::operation<T, indexed<accumulator_t<T>>> {
  using typename detail::operation<T, indexed<accumulator_t<T>>>::accumulator;
  __host__ __device__ accumulator identity() const {
    return {detail::range<accumulator_t<T>>::lowest, -1};
  }
  __host__ __device__ accumulator lift(T x, std::int64_t index) const {
    return {accumulator_t<T>(x), index};
  }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    const bool equal = a.value == b.value || (detail::is_nan(a.value) && detail::is_nan(b.value));
    if (equal) return std::uint64_t(a.index) < std::uint64_t(b.index) ? a : b;
    return a.value > b.value || detail::is_nan(a.value) ? a : b;
  }
  __host__ __device__ accumulator combine_in_order(accumulator a, accumulator b) const {
    return a.value >= b.value || detail::is_nan(a.value) ? a : b;
  }
};

/// x[0]^2 + x[1]^2 + ...
template <class T>
struct sum_of_squares : sum<T> {
  using typename sum<T>::accumulator;
  __host__ __device__ accumulator lift(T x, std::int64_t) const {
    return detail::wrapping_product(accumulator(x), accumulator(x));
  }
};

/// x[0] y[0] + x[1] y[1] + ...
template <class T>
struct dot : sum<T> {
  using typename sum<T>::accumulator;
  static constexpr int inputs = 2;
  __host__ __device__ accumulator lift(T x, T y, std::int64_t) const {
    return detail::wrapping_product(accumulator(x), accumulator(y));
  }
};

/// A sum and what rounding has taken from it.
template <class T>
struct compensated {
  T sum, lost;
};

/// The sum of floats or doubles with an error of about one rounding, whatever their number: every
/// addition keeps what it lost (Knuth's two-sum, as in Neumaier's variant of Kahan's summation).
template <class T>
struct compensated_sum : detail::operation<T, compensated<T>> {
  static_assert(std::is_floating_point_v<T>, "integers lose nothing");
  using typename detail::operation<T, compensated<T>>::accumulator;
  using result = T;
  __host__ __device__ accumulator identity() const { return {T(0), T(0)}; }
  __host__ __device__ accumulator lift(T x, std::int64_t) const { return {x, T(0)}; }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    const T total = a.sum + b.sum;
    const T of_b = total - a.sum, of_a = total - of_b;
    return {total, (a.lost + b.lost) + ((a.sum - of_a) + (b.sum - of_b))};
  }
  /// An infinite or NaN sum is returned as it is: what it has "lost" is a NaN.
  __host__ __device__ result finish(accumulator a) const {
    return detail::is_nan(a.sum - a.sum) ? a.sum : a.sum + a.lost;
  }
};

/// A reduction of your own on elements of type T: `combine(a, b)` and `transform(x)`, which makes
/// an accumulator of an element, are __device__ lambdas or functors, and callable on the host too
/// if the operation is to run there.
template <class T, class Accumulator, class Combine, class Transform>
struct custom_operation : detail::operation<T, Accumulator> {
  Accumulator neutral;
  Combine combine_two;
  Transform transform;

  __host__ __device__ custom_operation(Accumulator identity, Combine combine, Transform of)
      : neutral(identity), combine_two(combine), transform(of) {}
  __host__ __device__ Accumulator identity() const { return neutral; }
  __host__ __device__ Accumulator lift(T x, std::int64_t) const { return transform(x); }
  __host__ __device__ Accumulator combine(Accumulator a, Accumulator b) const {
    return combine_two(a, b);
  }
};

/// custom_operation with its types deduced: reduction_of<float>(1.0f, product{}, identity{}).
template <class T, class Accumulator, class Combine, class Transform>
auto reduction_of(Accumulator identity, Combine combine, Transform transform) {
  return custom_operation<T, Accumulator, Combine, Transform>(identity, combine, transform);
}

}  // namespace warpladder
