// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/scan.cu with one rung in the ladder. The command line says which: RUNG_HEADER and
// RUNG (scripts/mutants).

#include RUNG_HEADER

#include "scan.hpp"

namespace warpladder::tables {

template <>
std::span<const rung_entry<scan::problem<float>>> scan_rungs<float, sum<float>>() {
  static constexpr auto table = make_table<scan::problem<float>>(rung_list<scan::RUNG>{});
  return table;
}

// The front door runs the highest rung: it stays outside.
template <>
cudaError_t scan_run(const scan::problem<float>&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

template <>
std::size_t scan_workspace_bytes(const scan::problem<float>&) {
  return 0;
}

}  // namespace warpladder::tables
