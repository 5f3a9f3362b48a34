// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

namespace warpladder::reduce::detail {

/// Elements in 16 bytes, the widest access of a thread; 1, where elements do not fill them or need
/// not lie at multiples of their size.
template <class T>
inline constexpr int widest = sizeof(T) <= 16 && 16 % sizeof(T) == 0 && alignof(T) == sizeof(T)
                                  ? 16 / int{sizeof(T)}
                                  : 1;

/// Reads one element, or as many as fill the 16 bytes to which `from` is aligned.
template <class T, int Width>
__device__ __forceinline__ void load(T (&to)[Width], const T* from) {
  static_assert(Width == 1 || Width == widest<T>);
  if constexpr (Width == 1) {
    to[0] = *from;
  } else {
    const uint4 moved = *reinterpret_cast<const uint4*>(from);
    memcpy(static_cast<void*>(to), &moved, sizeof moved);
  }
}

/// Does every row begin at a multiple of 16 bytes?
template <class T>
bool rows_are_aligned(const T* base, std::int64_t rows, std::int64_t ld) {
  return reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && (rows <= 1 || ld % widest<T> == 0);
}

}  // namespace warpladder::reduce::detail
