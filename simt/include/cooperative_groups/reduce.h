// SPDX-License-Identifier: Apache-2.0
// cooperative_groups::reduce for tiles of a warp.
#pragma once

#include "cooperative_groups.h"

namespace cooperative_groups {

template <class T>
struct plus {
  T operator()(const T& a, const T& b) const { return a + b; }
};
template <class T>
struct less {
  T operator()(const T& a, const T& b) const { return b < a ? b : a; }
};
template <class T>
struct greater {
  T operator()(const T& a, const T& b) const { return a < b ? b : a; }
};
template <class T>
struct bit_and {
  T operator()(const T& a, const T& b) const { return a & b; }
};
template <class T>
struct bit_or {
  T operator()(const T& a, const T& b) const { return a | b; }
};
template <class T>
struct bit_xor {
  T operator()(const T& a, const T& b) const { return a ^ b; }
};

// Every thread gets the result. Combined by halves, as the usual butterfly of shuffles does, so
// that floating-point results round alike.
template <unsigned Size, class Parent, class T, class Operation>
T reduce(const thread_block_tile<Size, Parent>& tile, T value, Operation&& operation,
         simt::site where = simt::site::current()) {
  for (unsigned distance = Size / 2; distance > 0; distance /= 2) {
    value = operation(value, tile.shfl_xor(value, static_cast<int>(distance), where));
  }
  return value;
}

}  // namespace cooperative_groups
