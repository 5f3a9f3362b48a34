// SPDX-License-Identifier: Apache-2.0
//
// Partial results on their way between blocks.
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <type_traits>

namespace warpladder::reduce::detail {

/// Reads what another block of the same launch may have written: from L2, as L1 caches are not kept
/// coherent. In pieces as wide as the alignment of A allows.
template <class A>
__device__ __forceinline__ A load_from_l2(const A* from) {
  static_assert(std::is_trivially_copyable_v<A>);
  // clang-format off
  using piece = std::conditional_t<alignof(A) % 16 == 0, uint4,
                std::conditional_t<alignof(A) % 8 == 0, unsigned long long,
                std::conditional_t<alignof(A) % 4 == 0, unsigned,
                std::conditional_t<alignof(A) % 2 == 0, unsigned short, unsigned char>>>>;
  // clang-format on
  constexpr int pieces = int{sizeof(A)} / int{sizeof(piece)};
  piece loaded[pieces];
#pragma unroll
  for (int i = 0; i < pieces; ++i) loaded[i] = __ldcg(reinterpret_cast<const piece*>(from) + i);
  A value;
  memcpy(static_cast<void*>(&value), loaded, sizeof(A));
  return value;
}

}  // namespace warpladder::reduce::detail
