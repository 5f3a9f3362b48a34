// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>

namespace warpladder::bench {

/// The size of a whole array as people write it: "1048576", or "1048576@3" for one that begins 3
/// elements behind an aligned address.
struct array_shape {
  std::int64_t count = 0, offset = 0;

  /// What any method must read.
  double bytes(std::size_t element_bytes = 4) const {
    return double(element_bytes) * double(count);
  }

  std::string name() const {
    std::string text = std::to_string(count);
    if (offset != 0) text.append("@").append(std::to_string(offset));
    return text;
  }
};

inline constexpr const char* array_shape_help =
    "N, or N@OFFSET for an array that is not aligned (1048576@3)";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline array_shape parse_array_shape(std::string_view text) {
  size_text size(text, array_shape_help, 1'000'000'000'000);
  array_shape shape;
  shape.count = size.number();
  shape.offset = size.number_after("@").value_or(0);
  size.end();
  return shape;
}

}  // namespace warpladder::bench
