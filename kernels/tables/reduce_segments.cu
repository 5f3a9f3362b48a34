// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the front doors of reductions of rows and columns for
// all types and operations: once per backend.

#include <cstdint>
#include <warpladder/reduce_segments.cuh>

#include "reduce_segments.hpp"

namespace warpladder::tables {

template <class T, class Op>
cudaError_t segmented_run(const reduce::segmented_problem<T, Op>& problem, cudaStream_t stream,
                          workspace_view workspace) {
  return reduce::run(problem, stream, workspace);
}

template <class T, class Op>
std::size_t segmented_workspace_bytes(const reduce::segmented_problem<T, Op>& problem) {
  return reduce::workspace_bytes(problem);
}

#define WARPLADDER_INSTANTIATE_OP(T, Op)                                                    \
  template cudaError_t segmented_run(const reduce::segmented_problem<T, Op>&, cudaStream_t, \
                                     workspace_view);                                       \
  template std::size_t segmented_workspace_bytes(const reduce::segmented_problem<T, Op>&);
#define WARPLADDER_INSTANTIATE(T)          \
  WARPLADDER_INSTANTIATE_OP(T, sum<T>)     \
  WARPLADDER_INSTANTIATE_OP(T, minimum<T>) \
  WARPLADDER_INSTANTIATE_OP(T, maximum<T>) \
  WARPLADDER_INSTANTIATE_OP(T, argmin<T>)  \
  WARPLADDER_INSTANTIATE_OP(T, argmax<T>)  \
  WARPLADDER_INSTANTIATE_OP(T, sum_of_squares<T>)
#ifdef SIMT_TRACED  // explain and check run sums of floats alone
WARPLADDER_INSTANTIATE_OP(float, sum<float>)
#else
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
WARPLADDER_INSTANTIATE(std::int64_t)
#ifndef __SANITIZE_ADDRESS__  // which need one type of each size
WARPLADDER_INSTANTIATE(double)
WARPLADDER_INSTANTIATE(__half)
WARPLADDER_INSTANTIATE(std::int32_t)
#endif
#endif
#undef WARPLADDER_INSTANTIATE
#undef WARPLADDER_INSTANTIATE_OP

}  // namespace warpladder::tables
