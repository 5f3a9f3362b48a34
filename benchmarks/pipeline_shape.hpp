// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>

namespace warpladder::bench {

/// How long the kernel takes beside the copies.
enum class intensity {
  low,     ///< one multiply-add per element: next to nothing
  medium,  ///< as long as both copies at the same time
  high,    ///< twice as long
};

inline constexpr std::array<std::string_view, 3> intensity_names{"low", "medium", "high"};

/// The job of a pipeline as people write it: "1GiB:low" are so many bytes in, as many out, and a
/// light kernel.
struct pipeline_shape {
  std::int64_t bytes = 0;
  intensity work = intensity::low;

  std::int64_t elements() const { return bytes / std::int64_t{sizeof(float)}; }

  std::string name() const {
    constexpr std::array units{"KiB", "MiB", "GiB"};
    std::int64_t count = bytes >> 10;
    std::size_t unit = 0;
    for (; unit < 2 && count % 1024 == 0; ++unit) count /= 1024;
    return std::to_string(count)
        .append(units[unit])
        .append(":")
        .append(intensity_names[std::size_t(work)]);
  }
};

inline constexpr const char* pipeline_shape_help =
    "BYTES:WORK, such as 1GiB:low: KiB, MiB or GiB each way, and a kernel that is low, medium (as "
    "long as the copies) or high";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline pipeline_shape parse_pipeline_shape(std::string_view text) {
  size_text size(text, pipeline_shape_help);
  pipeline_shape shape;
  const std::int64_t count = size.number();
  const int power = size.has("KiB") ? 10 : size.has("MiB") ? 20 : size.has("GiB") ? 30 : 0;
  if (power == 0 || !size.has(":")) size.complain();
  shape.bytes = count << power;
  const auto* const work = std::find_if(intensity_names.begin(), intensity_names.end(),
                                        [&](std::string_view name) { return size.has(name); });
  if (work == intensity_names.end()) size.complain();
  shape.work = intensity(work - intensity_names.begin());
  size.end(double(count) * double(std::int64_t{1} << power));
  return shape;
}

}  // namespace warpladder::bench
