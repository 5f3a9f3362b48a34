// SPDX-License-Identifier: Apache-2.0
//
// N neighbours as one access of up to 16 bytes, to and from arrays of N.
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <warpladder/scan/detail/warp_tile.cuh>

namespace warpladder::scan::detail {

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

}  // namespace warpladder::scan::detail
