// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <stdexcept>
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
  std::string_view rest = text;
  const auto complain = [&] {
    return std::invalid_argument("'" + std::string(text) + "' is not a size. Write " +
                                 array_shape_help + ", each from 1 to 1000000000000.");
  };
  const auto number = [&] {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value < 1 || value > 1'000'000'000'000) throw complain();
    rest.remove_prefix(std::size_t(end - rest.data()));
    return value;
  };
  array_shape shape;
  shape.count = number();
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    shape.offset = number();
  }
  if (!rest.empty()) throw complain();
  return shape;
}

}  // namespace warpladder::bench
