// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladder of the topic grid_sync: once per backend.

#include <warpladder/grid_sync/ladder.cuh>

#include "grid_sync.hpp"

namespace warpladder::tables {

std::span<const rung_entry<grid_sync::problem>> grid_sync_rungs() {
  static constexpr auto table = make_table<grid_sync::problem>(grid_sync::ladder{});
  return table;
}

}  // namespace warpladder::tables
