// SPDX-License-Identifier: Apache-2.0
#include <grid_shape.hpp>
#include <grid_sync.hpp>

#include "topics.hpp"

namespace warpladder::cli {

topic grid_sync_topic() {
  const auto problem_of = [](const std::string& text, const auto&) {
    return bench::parse_grid_shape(text).barriers(1);
  };
  return {.name = "grid_sync",
          .size_help = bench::grid_shape_help,
          .quick_sizes = "132x256",
          .checked = "with tokens that every block has to read from all others,",
          .is_arithmetic = false,
          .is_latency = true,
          .ladders = {with_rungs(
              {.title = "grid_sync: one barrier", .name = "grid_sync", .vendor = "grid.sync()"},
              tables::grid_sync_rungs(), problem_of)},
          .check_size = [](const std::string& size) { bench::parse_grid_shape(size); },
          .add_rungs = add_grid_sync_rungs};
}

}  // namespace warpladder::cli
