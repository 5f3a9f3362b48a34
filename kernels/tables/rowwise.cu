// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladders of the topic rowwise: once per backend.

#include <warpladder/rowwise.cuh>
#include <warpladder/rowwise/ladder.cuh>

#include "rowwise.hpp"

namespace warpladder::tables {

template <class T>
std::span<const rung_entry<rowwise::softmax_problem<T>>> softmax_rungs() {
  static constexpr auto table = make_table<rowwise::softmax_problem<T>>(rowwise::softmax_ladder{});
  return table;
}

template <class T>
std::span<const rung_entry<rowwise::norm_problem<T>>> norm_rungs() {
  static constexpr auto table = make_table<rowwise::norm_problem<T>>(rowwise::norm_ladder{});
  return table;
}

template <class T>
cudaError_t rowwise_softmax(const rowwise::softmax_problem<T>& problem, cudaStream_t stream) {
  return rowwise::softmax(problem, stream);
}

template <class T>
cudaError_t rowwise_normalize(const rowwise::norm_problem<T>& problem, cudaStream_t stream) {
  return rowwise::normalize(problem, stream);
}

#define WARPLADDER_INSTANTIATE(T)                                                         \
  template std::span<const rung_entry<rowwise::softmax_problem<T>>> softmax_rungs<T>();   \
  template std::span<const rung_entry<rowwise::norm_problem<T>>> norm_rungs<T>();         \
  template cudaError_t rowwise_softmax(const rowwise::softmax_problem<T>&, cudaStream_t); \
  template cudaError_t rowwise_normalize(const rowwise::norm_problem<T>&, cudaStream_t);
WARPLADDER_INSTANTIATE(float)
#ifndef SIMT_TRACED  // explain and check run floats alone
WARPLADDER_INSTANTIATE(__nv_bfloat16)
#endif
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::tables
