// SPDX-License-Identifier: Apache-2.0
//
// Neighbouring elements that one instruction moves, and what they are as floats.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace warpladder::rowwise::detail {

/// The elements of 16 bytes.
template <class T>
inline constexpr int widest = 16 / int{sizeof(T)};

/// N elements as memory holds them: 16 bytes, or one element.
template <class T, int N>
using packet = std::conditional_t<N == widest<T>, uint4,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;

/// Packets are loaded and stored as read and written once; see 33 streaming_hints of memory.
template <class T, int N>
__device__ __forceinline__ packet<T, N> load_packet(const T* from) {
  return __ldcs(reinterpret_cast<const packet<T, N>*>(from));
}

template <class T, int N>
__device__ __forceinline__ void store_packet(T* to, packet<T, N> values) {
  __stcs(reinterpret_cast<packet<T, N>*>(to), values);
}

/// A bfloat16 is the upper half of a float.
template <class T, int N>
__device__ __forceinline__ void unpack(packet<T, N> from, float (&to)[N]) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, __nv_bfloat16>);
  if constexpr (N == 1) {
    to[0] = __uint_as_float(std::uint32_t{from} << (32 - 8 * sizeof(T)));
  } else {
    const std::uint32_t word[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (N == 4) {
        to[i] = __uint_as_float(word[i]);
      } else {
        to[2 * i] = __uint_as_float(word[i] << 16);
        to[2 * i + 1] = __uint_as_float(word[i] & 0xffff0000u);
      }
    }
  }
}

/// Two floats, rounded to bfloat16, the first in the lower half.
__device__ __forceinline__ std::uint32_t round_to_bfloat16(float first, float second) {
#ifdef WARPLADDER_HOST_EXECUTOR
  const __nv_bfloat16 pair[2] = {first, second};
#else
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);  // one instruction
#endif
  std::uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

template <class T, int N>
__device__ __forceinline__ packet<T, N> pack(const float (&from)[N]) {
  if constexpr (N == 1 && sizeof(T) == 4) {
    return __float_as_uint(from[0]);
  } else if constexpr (N == 1) {
    return std::uint16_t(round_to_bfloat16(from[0], 0.0f));
  } else if constexpr (N == 4) {
    const uint4 words{__float_as_uint(from[0]), __float_as_uint(from[1]), __float_as_uint(from[2]),
                      __float_as_uint(from[3])};
    return words;
  } else {
    const uint4 words{round_to_bfloat16(from[0], from[1]), round_to_bfloat16(from[2], from[3]),
                      round_to_bfloat16(from[4], from[5]), round_to_bfloat16(from[6], from[7])};
    return words;
  }
}

/// Does every row of a matrix begin at a multiple of 16 bytes?
template <class T>
bool rows_are_aligned(const T* base, std::int64_t rows, std::int64_t ld) {
  return reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && (rows <= 1 || ld % widest<T> == 0);
}

/// Are the rows whole packets of 16 bytes?
template <class Problem>
bool has_whole_packets(const Problem& p) {
  using element = std::remove_pointer_t<decltype(p.out)>;
  if constexpr (requires { p.weight; }) {
    if (!rows_are_aligned(p.weight, 1, 0) || !rows_are_aligned(p.bias, 1, 0)) return false;
  }
  return p.cols % widest<element> == 0 && rows_are_aligned(p.in, p.rows, p.ld_in) &&
         rows_are_aligned(p.out, p.rows, p.ld_out);
}

}  // namespace warpladder::rowwise::detail
