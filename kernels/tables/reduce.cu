// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladders of the topic reductions: once per backend.

#include <cstdint>
#include <warpladder/reduce/ladder.cuh>

#include "reduce.hpp"

namespace warpladder::tables {

template <class T, class Op>
std::span<const rung_entry<reduce::problem<T, Op>>> reduce_rungs() {
  static constexpr auto table = make_table<reduce::problem<T, Op>>(reduce::array_ladder{});
  return table;
}

template <class T, class Op>
std::span<const rung_entry<reduce::segmented_problem<T, Op>>> segmented_rungs() {
  static constexpr auto table =
      make_table<reduce::segmented_problem<T, Op>>(reduce::segmented_ladder{});
  return table;
}

#define WARPLADDER_INSTANTIATE(T, Op)                                                 \
  template std::span<const rung_entry<reduce::problem<T, Op>>> reduce_rungs<T, Op>(); \
  template std::span<const rung_entry<reduce::segmented_problem<T, Op>>> segmented_rungs<T, Op>();
WARPLADDER_INSTANTIATE(float, sum<float>)
#ifndef SIMT_TRACED  // explain and check run sums of floats alone
WARPLADDER_INSTANTIATE(std::int32_t, sum<std::int32_t>)
WARPLADDER_INSTANTIATE(float, argmax<float>)
#endif
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::tables
