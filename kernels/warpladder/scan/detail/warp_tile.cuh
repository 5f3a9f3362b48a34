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
struct word_of {
  static constexpr bool exists = false;
};
template <class Word>
struct word_is {
  static constexpr bool exists = true;
  using type = Word;
};
template <>
struct word_of<1> : word_is<unsigned char> {};
template <>
struct word_of<2> : word_is<unsigned short> {};
template <>
struct word_of<4> : word_is<unsigned> {};
template <>
struct word_of<8> : word_is<uint2> {};
template <>
struct word_of<16> : word_is<uint4> {};

constexpr bool is_power_of_two(std::size_t x) {
  return (x & (x - 1)) == 0;
}

/// Neighbours in a lane: as many as make 16 bytes of the widest of elements, accumulators, results
/// and registers.
template <class T, class Op>
constexpr int lane_vector() {
  constexpr std::size_t sizes[] = {sizeof(T), sizeof(typename Op::accumulator),
                                   sizeof(typename Op::result)};
  std::size_t widest = sizeof(unsigned);
  for (int i = 0; i < 3; ++i) {
    if (!is_power_of_two(sizes[i])) return 1;
    if (sizes[i] > widest) widest = sizes[i];
  }
  return widest < 16 ? 16 / int(widest) : 1;
}

/// Can N neighbours of `array` move at once, wherever a multiple of N is?
template <int N, class X>
__device__ __forceinline__ bool is_aligned(const X* array) {
  return reinterpret_cast<std::uintptr_t>(array) % (N * sizeof(X)) == 0;
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
    using word = word_of<vector* int{sizeof(T)}>;
    const bool is_whole = begin + elements <= p.n;
    begin += threadIdx.x % 32 * vector;
    if constexpr (word::exists) {
      if (is_whole && is_aligned<vector>(p.in)) {
        const auto* const from =
            reinterpret_cast<const typename word::type*>(p.in) + begin / vector;
        typename word::type loaded[Rows];
#pragma unroll
        for (int r = 0; r < Rows; ++r) loaded[r] = from[r * 32];
#pragma unroll
        for (int r = 0; r < Rows; ++r) {
          T x[vector];
          memcpy(static_cast<void*>(x), &loaded[r], sizeof x);
#pragma unroll
          for (int v = 0; v < vector; ++v) at[r][v] = p.op.lift(x[v], begin + r * row + v);
        }
        return;
      }
    }
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
#pragma unroll
      for (int v = 0; v < vector; ++v) {
        const std::int64_t i = begin + r * row + v;
        at[r][v] = i < p.n ? p.op.lift(p.in[i], i) : p.op.identity();
      }
    }
  }

  /// out[i] = convert(element i) for the elements from `begin` on.
  template <class Out, class Convert>
  __device__ __forceinline__ void store(Out* out, std::int64_t begin, std::int64_t n,
                                        const Convert& convert) const {
    using word = word_of<vector* int{sizeof(Out)}>;
    const bool is_whole = begin + elements <= n;
    begin += threadIdx.x % 32 * vector;
    if constexpr (word::exists) {
      if (is_whole && is_aligned<vector>(out)) {
        // Indexed in words: nvcc 13.0 splits stores whose address it computed in elements.
        auto* const to = reinterpret_cast<typename word::type*>(out) + begin / vector;
#pragma unroll
        for (int r = 0; r < Rows; ++r) {
          Out x[vector];
#pragma unroll
          for (int v = 0; v < vector; ++v) x[v] = convert(at[r][v]);
          typename word::type bits;
          memcpy(&bits, x, sizeof bits);
          to[r * 32] = bits;
        }
        return;
      }
    }
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
#pragma unroll
      for (int v = 0; v < vector; ++v) {
        const std::int64_t i = begin + r * row + v;
        if (i < n) out[i] = convert(at[r][v]);
      }
    }
  }
};

}  // namespace warpladder::scan::detail
