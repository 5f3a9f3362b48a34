// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::bench {

/// The size of a segmented reduction as people write it: "1000x300" reduces each of 1000 rows,
/// "1000x300:columns" each of 300 columns.
struct segment_shape {
  std::int64_t rows = 0, cols = 0;
  reduce::along axis = reduce::along::rows;

  std::string name() const {
    const char* const suffix = axis == reduce::along::columns ? ":columns" : "";
    return std::to_string(rows) + "x" + std::to_string(cols) + suffix;
  }
};

inline constexpr const char* segment_shape_help = "ROWSxCOLS or ROWSxCOLS:columns for segments";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline segment_shape parse_segment_shape(std::string_view text) {
  size_text size(text, segment_shape_help);
  segment_shape shape;
  shape.rows = size.number();
  if (!size.has("x")) size.complain();
  shape.cols = size.number();
  if (size.has(":columns")) shape.axis = reduce::along::columns;
  size.end();
  return shape;
}

}  // namespace warpladder::bench
