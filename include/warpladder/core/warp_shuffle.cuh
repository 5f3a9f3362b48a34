// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <type_traits>

// Shuffles of a full warp for any trivially copyable type: the hardware moves 4 bytes at a time.

namespace warpladder {

namespace detail {

/// move_word(unsigned) moves 4 bytes between lanes; returns `value` after all of it has moved.
template <class T, class MoveWord>
__device__ __forceinline__ T shuffle_by_words(T value, const MoveWord& move_word) {
  static_assert(std::is_trivially_copyable_v<T>, "only plain bytes move between lanes");
  constexpr int words = (int{sizeof(T)} + 3) / 4;
  unsigned word[words] = {};
  memcpy(word, &value, sizeof(T));
#pragma unroll
  for (int i = 0; i < words; ++i) word[i] = move_word(word[i]);
  memcpy(&value, word, sizeof(T));
  return value;
}

}  // namespace detail

/// The `value` of the lane `delta` above; of lanes beyond the last, its own.
template <class T>
__device__ __forceinline__ T shuffle_down(T value, unsigned delta) {
  return detail::shuffle_by_words(
      value, [=](unsigned word) { return __shfl_down_sync(0xffffffffu, word, delta); });
}

/// The `value` of the lane `delta` below; of lanes below the first, its own.
template <class T>
__device__ __forceinline__ T shuffle_up(T value, unsigned delta) {
  return detail::shuffle_by_words(
      value, [=](unsigned word) { return __shfl_up_sync(0xffffffffu, word, delta); });
}

/// The `value` of the lane whose number differs by the bits of `mask`.
template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int mask) {
  return detail::shuffle_by_words(
      value, [=](unsigned word) { return __shfl_xor_sync(0xffffffffu, word, mask); });
}

/// The `value` of lane `source`.
template <class T>
__device__ __forceinline__ T shuffle_from(T value, int source) {
  return detail::shuffle_by_words(
      value, [=](unsigned word) { return __shfl_sync(0xffffffffu, word, source); });
}

}  // namespace warpladder
