// SPDX-License-Identifier: Apache-2.0
//
// What moves in the place of an element. A move does not look at values, so that kernels are
// compiled once per size and not once per type, and elements need no default constructor.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

namespace warpladder::memory::detail {

template <int Bytes>
struct word_of;
template <>
struct word_of<1> {
  using type = std::uint8_t;
};
template <>
struct word_of<2> {
  using type = std::uint16_t;
};
template <>
struct word_of<4> {
  using type = float;
};
template <>
struct word_of<8> {
  using type = double;
};
template <>
struct word_of<16> {
  using type = float4;
};

/// One access of a thread: as many bytes, aligned to as many.
template <int Bytes>
using word = typename word_of<Bytes>::type;

/// An element that is aligned to less than its size, like std::complex<float>.
template <class Word, int N>
struct words {
  Word at[N];
};

template <class T>
using carrier = std::conditional_t<alignof(T) == sizeof(T), word<alignof(T)>,
                                   words<word<alignof(T)>, int{sizeof(T) / alignof(T)}>>;

template <class T>
inline constexpr bool is_movable = std::is_trivially_copyable_v<T> &&
                                   (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 ||
                                    sizeof(T) == 8 || sizeof(T) == 16);

/// The same problem with another name for its elements, of the same size.
template <class To, template <class> class Problem, class T>
Problem<To> with_elements(const Problem<T>& p) {
  static_assert(sizeof(To) == sizeof(T));
  return {p.rows,  p.cols, reinterpret_cast<const To*>(p.in), p.ld_in, reinterpret_cast<To*>(p.out),
          p.ld_out};
}

}  // namespace warpladder::memory::detail
