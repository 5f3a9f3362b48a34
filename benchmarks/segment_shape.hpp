// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <stdexcept>
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
  std::string_view rest = text;
  const auto complain = [&] {
    return std::invalid_argument("'" + std::string(text) + "' is not a size. Write " +
                                 segment_shape_help + ", each from 1 to 2147483647.");
  };
  const auto number = [&] {
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value < 1) throw complain();
    rest.remove_prefix(std::size_t(end - rest.data()));
    return std::int64_t{value};
  };
  segment_shape shape;
  shape.rows = number();
  if (!rest.starts_with('x')) throw complain();
  rest.remove_prefix(1);
  shape.cols = number();
  if (rest == ":columns") {
    shape.axis = reduce::along::columns;
  } else if (!rest.empty()) {
    throw complain();
  }
  if (double(shape.rows) * double(shape.cols) > 1e15)
    throw std::invalid_argument("'" + std::string(text) + "' needs more memory than there is.");
  return shape;
}

}  // namespace warpladder::bench
