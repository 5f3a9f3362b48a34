// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/grid_sync.cu with one rung in the ladder. The command line says which: RUNG_HEADER
// and RUNG (scripts/mutants).

#include RUNG_HEADER

#include "grid_sync.hpp"

namespace warpladder::tables {

std::span<const rung_entry<grid_sync::problem>> grid_sync_rungs() {
  static constexpr auto table = make_table<grid_sync::problem>(rung_list<grid_sync::RUNG>{});
  return table;
}

}  // namespace warpladder::tables
