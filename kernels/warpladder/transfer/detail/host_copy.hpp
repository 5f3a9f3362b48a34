// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace warpladder::transfer {

/// How a host thread stores what it copies.
enum class stores {
  /// std::memcpy: every line that is written is read into the caches first, and is written to
  /// memory when they need its place. From some hundreds of KiB on, glibc streams by itself.
  cached,
  /// Past the caches (non-temporal), for memory that this CPU will not read again soon: nothing is
  /// read before it is written. Without SSE2 the same as `cached`.
  streaming,
};

namespace detail {

inline void copy_streaming(std::byte* to, const std::byte* from, std::size_t bytes) {
#ifdef __SSE2__
  constexpr std::size_t line = 64;  // whole lines leave the write-combining buffers at once
  const std::size_t before = (line - reinterpret_cast<std::uintptr_t>(to) % line) % line;
  if (bytes >= before + line) {
    std::memcpy(to, from, before);
    to += before, from += before, bytes -= before;
    for (; bytes >= line; to += line, from += line, bytes -= line) {
      const auto* const words = reinterpret_cast<const __m128i*>(from);
      const __m128i first = _mm_loadu_si128(words), second = _mm_loadu_si128(words + 1);
      const __m128i third = _mm_loadu_si128(words + 2), fourth = _mm_loadu_si128(words + 3);
      auto* const out = reinterpret_cast<__m128i*>(to);
      _mm_stream_si128(out, first), _mm_stream_si128(out + 1, second);
      _mm_stream_si128(out + 2, third), _mm_stream_si128(out + 3, fourth);
    }
    _mm_sfence();  // streaming stores are not ordered before what tells others of them
  }
#endif
  std::memcpy(to, from, bytes);
}

inline void copy_on_host(stores how, std::byte* to, const std::byte* from, std::size_t bytes) {
  if (how == stores::streaming) {
    copy_streaming(to, from, bytes);
  } else {
    std::memcpy(to, from, bytes);
  }
}

}  // namespace detail
}  // namespace warpladder::transfer
