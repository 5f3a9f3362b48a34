// SPDX-License-Identifier: Apache-2.0
//
// What warpladder::bounded_grid_barrier (grid_barrier.cuh) leaves for the host to read.
#pragma once

#include <string>

namespace warpladder {

/// What bounded_grid_barrier says of a barrier that does not open. In device memory, zeroed by the
/// caller before the launch; read it when the kernel is done.
struct grid_barrier_report {
  unsigned given_up;  ///< 0: all is well, and the rest means nothing
  unsigned block;     ///< the first one to lose patience: its index in the grid, x fastest
  unsigned barrier;   ///< at which of its barriers: 0 is the first of the launch
  unsigned arrived;   ///< how many blocks had arrived there, itself included
  unsigned blocks;    ///< of how many
};

/// The report in words; empty if nothing was given up.
inline std::string explain(const grid_barrier_report& report) {
  if (report.given_up == 0) return {};
  const auto number = [](unsigned n) { return std::to_string(n); };
  return "block " + number(report.block) + " gave up at its barrier " + number(report.barrier) +
         " (0 is the first): " + number(report.arrived) + " of " + number(report.blocks) +
         " blocks had arrived; the others were not resident (is the grid larger than "
         "max_resident_blocks?), left the kernel, took another branch, or needed longer than the "
         "limit";
}

}  // namespace warpladder
