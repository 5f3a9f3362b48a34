// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/memory/problem.hpp>

namespace warpladder::memory::detail {

/// Are `in` and `out` one run of elements each?
template <class T>
bool is_dense(const copy_problem<T>& p) {
  return p.rows <= 1 || (p.ld_in == p.cols && p.ld_out == p.cols);
}

/// The same copy as one long row, if it is dense: the ends of rows cost nothing then.
template <class T>
copy_problem<T> flattened(copy_problem<T> p) {
  if (!is_dense(p)) return p;
  p.cols *= p.rows;
  p.ld_in = p.ld_out = p.cols;
  p.rows = 1;
  return p;
}

}  // namespace warpladder::memory::detail
