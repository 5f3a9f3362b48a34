// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladders of the topic transfer: once per backend.

#include <warpladder/transfer/ladder.cuh>

#include "transfer.hpp"

namespace warpladder::tables {

std::span<const rung_entry<transfer::staged_problem>> staged_rungs() {
  static constexpr auto table = make_table<transfer::staged_problem>(transfer::staged_ladder{});
  return table;
}

std::span<const rung_entry<transfer::pinned_problem>> pinned_rungs() {
  static constexpr auto table = make_table<transfer::pinned_problem>(transfer::pinned_ladder{});
  return table;
}

std::span<const rung_entry<transfer::rows_problem>> rows_rungs() {
  static constexpr auto table = make_table<transfer::rows_problem>(transfer::rows_ladder{});
  return table;
}

std::span<const rung_entry<transfer::batch_problem>> batch_rungs() {
  static constexpr auto table = make_table<transfer::batch_problem>(transfer::batch_ladder{});
  return table;
}

}  // namespace warpladder::tables
