// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks of reductions and scans fill arrays with.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <warpladder/core/element.hpp>

namespace warpladder::bench {

/// As in the names of cases.
template <class T>
constexpr const char* type_name = nullptr;
template <>
inline constexpr const char* type_name<float> = "f32";
template <>
inline constexpr const char* type_name<double> = "f64";
template <>
inline constexpr const char* type_name<__half> = "f16";
template <>
inline constexpr const char* type_name<__nv_bfloat16> = "bf16";
template <>
inline constexpr const char* type_name<std::int32_t> = "i32";
template <>
inline constexpr const char* type_name<std::int64_t> = "i64";

/// Fills device memory with random elements, the same for the same seed: floats uniform in [-1, 1),
/// rounded to T; integers of random bits. Every instantiation for the six types above exists.
template <class T>
cudaError_t fill_random(T* data, std::int64_t n, std::uint64_t seed, cudaStream_t stream);

/// Random integers from -amplitude to amplitude without 0, as elements of type T. Of `parts` arrays
/// with the same seed, part 0, 1, ..., each element is zero in all but one.
struct small_integers {
  std::int64_t amplitude = 1;
  std::uint64_t seed = 0;
  std::int64_t parts = 1, part = 0;
};
template <class T>
cudaError_t fill_integers(T* data, std::int64_t n, const small_integers& how, cudaStream_t stream);

/// T holds all integers up to this exactly.
template <class T>
constexpr double exact_range() {
  if constexpr (std::is_same_v<T, __half>) {
    return 0x1p11;
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return 0x1p8;
  } else {
    return std::ldexp(1.0, std::min(std::numeric_limits<T>::digits, 53));
  }
}

/// The amplitude with which the sum of any n small_integers, and of any part of them, is exact in
/// Accumulator: then every order of additions gives the same bits, a lost element always shows, and
/// so does arithmetic of less precision where n is small. By Hoeffding's inequality a partial sum
/// of n terms from [-a, a] exceeds 8 a sqrt(n) with a probability of 2 exp(-32), 3e-14.
template <class T, class Accumulator = accumulator_t<T>>
std::int64_t exact_amplitude(std::int64_t n) {
  const double largest =
      exact_range<Accumulator>() / (8 * std::sqrt(double(std::max<std::int64_t>(n, 1))));
  return std::max<std::int64_t>(1, std::int64_t(std::min(largest, exact_range<T>())));
}

}  // namespace warpladder::bench
