// SPDX-License-Identifier: Apache-2.0
//
// The wrong barriers of grid_barriers.cuh whose defect is a missing fence: no CPU ever shows it,
// and a GPU rarely. The right one, and warpladder::grid_barrier, must not be reported.
#pragma once

#include <vector>
#include <warpladder/grid_barrier.cuh>

#include "grid_barriers.cuh"
#include "traced_specimen.hpp"

namespace warpladder::caught {

inline std::vector<traced_specimen> grid_barrier_specimens() {
  const auto meet = [](auto kernel) {
    const auto board = zeros<unsigned>(8), arrivals = zeros<unsigned>(1),
               wrong = zeros<unsigned>(1);
    return run({.grid = 4, .block = 32, .cooperative = true}, kernel, 3u, board.data(),
               arrivals.data(), wrong.data());
  };
  constexpr auto race = "global-race";
  constexpr auto file = "grid_barriers.cuh";
  using enum barrier_defect;
  std::string path = __builtin_FILE();
  path.replace(path.rfind('/') + 1, path.npos, file);
  return {specimen(
              "no_fence_before_arriving", race,
              [=](auto bad) { return meet(meet_often < bad ? no_fence_before_arriving : none >); },
              {}, path),
          specimen(
              "no_fence_after_polling", race,
              [=](auto bad) { return meet(meet_often < bad ? no_fence_after_polling : none >); },
              {}, path)};
}

}  // namespace warpladder::caught
