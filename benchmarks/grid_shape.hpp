// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <size_text.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <warpladder/grid_sync/problem.hpp>

namespace warpladder::bench {

/// A grid as people write it: "132x256" has 132 blocks of 256 threads.
struct grid_shape {
  unsigned blocks = 0, threads = 0;

  std::string name() const { return std::to_string(blocks) + "x" + std::to_string(threads); }

  /// Barriers of such a grid, without a board.
  grid_sync::problem barriers(unsigned rounds) const {
    return {.blocks = blocks, .threads = threads, .rounds = rounds};
  }
};

inline constexpr const char* grid_shape_help = "BLOCKSxTHREADS, up to 1024 threads in a block";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline grid_shape parse_grid_shape(std::string_view text) {
  size_text size(text, grid_shape_help);
  grid_shape shape;
  shape.blocks = unsigned(size.number());
  if (!size.has("x")) size.complain();
  shape.threads = unsigned(size.number());
  size.end();
  if (const auto reason = explain_invalid(shape.barriers(0)); !reason.empty())
    throw std::invalid_argument("'" + std::string(text) + "': " + std::string(reason) + ".");
  return shape;
}

}  // namespace warpladder::bench
