// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace warpladder::transfer::detail {

/// What lies between the first and the last boundary of Words of `to`, which are ones of `from`
/// too; the rest byte by byte. `loads` words per thread are in flight.
template <class Word, int loads>
__device__ void copy_words(unsigned char* to, const unsigned char* from, std::size_t bytes,
                           std::size_t thread, std::size_t threads) {
  constexpr std::size_t size = sizeof(Word);
  const std::size_t to_boundary = (size - reinterpret_cast<std::uintptr_t>(to) % size) % size;
  const std::size_t before = to_boundary < bytes ? to_boundary : bytes;
  const std::size_t words = (bytes - before) / size, behind = before + size * words;
  const auto* const in = reinterpret_cast<const Word*>(from + before);
  auto* const out = reinterpret_cast<Word*>(to + before);
  for (std::size_t first = thread; first < words; first += threads * loads) {
    Word moved[loads];
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      const std::size_t at = first + k * threads;
      if (at < words) moved[k] = in[at];
    }
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      const std::size_t at = first + k * threads;
      if (at < words) out[at] = moved[k];
    }
  }
  for (std::size_t i = thread; i < before; i += threads) to[i] = from[i];
  for (std::size_t i = behind + thread; i < bytes; i += threads) to[i] = from[i];
}

/// Copies `bytes` bytes, any alignment, by `threads` threads of which this is number `thread`: in
/// the longest words that both sides have in common.
template <int loads>
__device__ void copy_together(unsigned char* to, const unsigned char* from, std::size_t bytes,
                              std::size_t thread, std::size_t threads) {
  const std::uintptr_t apart =
      reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
  if (apart % sizeof(uint4) == 0) {
    copy_words<uint4, loads>(to, from, bytes, thread, threads);
  } else if (apart % sizeof(unsigned) == 0) {
    copy_words<unsigned, loads>(to, from, bytes, thread, threads);
  } else {
    copy_words<unsigned char, loads>(to, from, bytes, thread, threads);
  }
}

}  // namespace warpladder::transfer::detail
