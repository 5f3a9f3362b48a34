// SPDX-License-Identifier: Apache-2.0
//
// The part of an array that a warp of 04 and above holds in registers: rows, of which each lane has
// `vector` neighbours, so that one coalesced access of up to 16 bytes per lane moves a row.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan::detail {

/// What an access of that many bytes moves.
template <int Bytes>
struct word_of;
template <>
struct word_of<2> {
  using type = unsigned short;
};
template <>
struct word_of<4> {
  using type = unsigned;
};
template <>
struct word_of<8> {
  using type = uint2;
};
template <>
struct word_of<16> {
  using type = uint4;
};

constexpr bool is_power_of_two(std::size_t x) {
  return (x & (x - 1)) == 0;
}

/// Neighbours in a lane: as many as make 16 bytes of the widest of elements, accumulators, results.
template <class T, class Op>
constexpr int lane_vector() {
  constexpr std::size_t in = sizeof(T), held = sizeof(typename Op::accumulator);
  constexpr std::size_t out = sizeof(typename Op::result);
  constexpr std::size_t widest = in > held ? (in > out ? in : out) : (held > out ? held : out);
  constexpr bool are_words = is_power_of_two(in) && is_power_of_two(held) && is_power_of_two(out);
  return are_words && widest < 16 ? 16 / int{widest} : 1;
}

/// Can N neighbours from `array` on move at once?
template <int N, class X>
__device__ __forceinline__ bool is_aligned(const X* array) {
  return reinterpret_cast<std::uintptr_t>(array) % (N * sizeof(X)) == 0;
}

template <int N, class X>
__device__ __forceinline__ void load_vector(X (&to)[N], const X* from) {
  if constexpr (N == 1) {
    to[0] = from[0];
  } else {
    using word = typename word_of<N* int{sizeof(X)}>::type;
    const word bits = *reinterpret_cast<const word*>(from);
    memcpy(static_cast<void*>(to), &bits, sizeof bits);
  }
}

template <int N, class X>
__device__ __forceinline__ void store_vector(X* to, const X (&from)[N]) {
  if constexpr (N == 1) {
    to[0] = from[0];
  } else {
    using word = typename word_of<N* int{sizeof(X)}>::type;
    word bits;
    memcpy(&bits, from, sizeof bits);
    *reinterpret_cast<word*>(to) = bits;
  }
}

/// Rows * 32 * lane_vector() consecutive elements.
template <class T, class Op, int Rows>
struct warp_tile {
  using accumulator = typename Op::accumulator;
  static constexpr int vector = lane_vector<T, Op>(), row = 32 * vector;
  static constexpr int elements = Rows * row;

  accumulator at[Rows][vector];

  /// The elements from `begin` on; identities behind the last one.
  __device__ __forceinline__ void load(const problem<T, Op>& p, std::int64_t begin) {
    const bool at_once = begin + elements <= p.n && is_aligned<vector>(p.in);
    begin += threadIdx.x % 32 * vector;
    if (at_once) {
      T loaded[Rows][vector];
#pragma unroll
      for (int r = 0; r < Rows; ++r) load_vector(loaded[r], p.in + begin + r * row);
#pragma unroll
      for (int r = 0; r < Rows; ++r) {
#pragma unroll
        for (int v = 0; v < vector; ++v) at[r][v] = p.op.lift(loaded[r][v], begin + r * row + v);
      }
    } else {
#pragma unroll
      for (int r = 0; r < Rows; ++r) {
#pragma unroll
        for (int v = 0; v < vector; ++v) {
          const std::int64_t i = begin + r * row + v;
          at[r][v] = i < p.n ? p.op.lift(p.in[i], i) : p.op.identity();
        }
      }
    }
  }

  /// out[i] = convert(element i) for the elements from `begin` on.
  template <class Out, class Convert>
  __device__ __forceinline__ void store(Out* out, std::int64_t begin, std::int64_t n,
                                        const Convert& convert) const {
    const bool at_once = begin + elements <= n && is_aligned<vector>(out);
    begin += threadIdx.x % 32 * vector;
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      const std::int64_t first = begin + r * row;
      Out converted[vector];
#pragma unroll
      for (int v = 0; v < vector; ++v) converted[v] = convert(at[r][v]);
      if (at_once) {
        store_vector(out + first, converted);
      } else {
#pragma unroll
        for (int v = 0; v < vector; ++v)
          if (first + v < n) out[first + v] = converted[v];
      }
    }
  }
};

}  // namespace warpladder::scan::detail
