// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladder of the topic scan: once per backend.

#include <warpladder/scan.cuh>
#include <warpladder/scan/ladder.cuh>

#include "scan.hpp"

namespace warpladder::tables {

template <class T, class Op>
std::span<const rung_entry<scan::problem<T, Op>>> scan_rungs() {
  static constexpr auto table = make_table<scan::problem<T, Op>>(scan::ladder{});
  return table;
}

template <class T, class Op>
cudaError_t scan_run(const scan::problem<T, Op>& problem, cudaStream_t stream,
                     workspace_view workspace) {
  return scan::run(problem, stream, workspace);
}

template <class T, class Op>
std::size_t scan_workspace_bytes(const scan::problem<T, Op>& problem) {
  return scan::workspace_bytes(problem);
}

#define WARPLADDER_INSTANTIATE_FRONT_DOOR(T, Op)                                            \
  template cudaError_t scan_run(const scan::problem<T, Op>&, cudaStream_t, workspace_view); \
  template std::size_t scan_workspace_bytes(const scan::problem<T, Op>&);
#define WARPLADDER_INSTANTIATE(T, Op)                                      \
  template std::span<const rung_entry<scan::problem<T, Op>>> scan_rungs(); \
  WARPLADDER_INSTANTIATE_FRONT_DOOR(T, Op)
WARPLADDER_INSTANTIATE(float, sum<float>)
#ifndef SIMT_TRACED  // explain and check run sums of floats alone
WARPLADDER_INSTANTIATE(std::int32_t, sum<std::int32_t>)
WARPLADDER_INSTANTIATE(std::int32_t, composition_at_one<std::int32_t>)
WARPLADDER_INSTANTIATE(std::int64_t, composition<std::int64_t>)
WARPLADDER_INSTANTIATE_FRONT_DOOR(double, sum<double>)
WARPLADDER_INSTANTIATE_FRONT_DOOR(std::int64_t, sum<std::int64_t>)
WARPLADDER_INSTANTIATE_FRONT_DOOR(float, maximum<float>)
#endif
#undef WARPLADDER_INSTANTIATE
#undef WARPLADDER_INSTANTIATE_FRONT_DOOR

}  // namespace warpladder::tables
