// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/reduce.cu with one rung in one of the ladders. The command line says which:
// RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER

#include "reduce.hpp"
#include "reduce_segments.hpp"
#include "reduce_types.hpp"

namespace warpladder::tables {
namespace {

using array = reduce::problem<float>;
using segments = reduce::segmented_problem<float>;

/// The rung, if it is one for this problem.
template <class Problem>
std::span<const rung_entry<Problem>> rungs() {
  if constexpr (requires(const Problem& p) { reduce::RUNG::supports(p); }) {
    static constexpr auto table = make_table<Problem>(rung_list<reduce::RUNG>{});
    return table;
  }
  return {};
}

}  // namespace

template <>
std::span<const rung_entry<array>> reduce_rungs<float, sum<float>>() {
  return rungs<array>();
}

template <>
std::span<const rung_entry<segments>> segmented_rungs<float, sum<float>>() {
  return rungs<segments>();
}

// The front doors run the highest rungs: they stay outside.
template <>
cudaError_t reduce_run(const array&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

template <>
std::size_t reduce_workspace_bytes(const array&) {
  return 0;
}

template <>
cudaError_t segmented_run(const segments&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

template <>
std::size_t segmented_workspace_bytes(const segments&) {
  return 0;
}

}  // namespace warpladder::tables
