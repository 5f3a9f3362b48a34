// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::bench {

/// The size of a problem of the topic transfer as people write it. It tells which ladder is meant:
///   "64MiB", "1000003"   bytes in one piece: the ladders of pageable and of page-locked memory
///   "4096x100+28"        4096 rows of 100 bytes, 28 bytes apart, on the device; dense on the host
///   "1000of256"          1000 copies of 256 bytes each, all apart
/// followed by ":out" for copies to the host, else they go to the device; "@3" before that has the
/// host's memory begin 3 bytes behind an aligned address.
struct transfer_shape {
  enum class kind { one_piece, rows, batch };

  kind of = kind::one_piece;
  std::int64_t count = 1, width = 0;  // pieces or rows, and the bytes of each
  std::int64_t gap = 0, offset = 0;
  transfer::direction way = transfer::direction::to_device;

  std::int64_t bytes() const { return count * width; }
  std::int64_t pitch() const { return width + gap; }

  std::string name() const {
    const auto with_unit = [](std::int64_t n) {
      constexpr std::int64_t unit = 1024;
      if (n % (unit * unit * unit) == 0) return std::to_string(n / (unit * unit * unit)) + "GiB";
      if (n % (unit * unit) == 0) return std::to_string(n / (unit * unit)) + "MiB";
      if (n % unit == 0) return std::to_string(n / unit) + "KiB";
      return std::to_string(n);
    };
    std::string text = with_unit(width);
    if (of == kind::rows) text = std::to_string(count) + "x" + text;
    if (of == kind::batch) text = std::to_string(count) + "of" + text;
    if (gap != 0) text.append("+").append(std::to_string(gap));
    if (offset != 0) text.append("@").append(std::to_string(offset));
    return text + (way == transfer::direction::to_host ? ":out" : "");
  }
};

inline constexpr const char* transfer_shape_help =
    "BYTES (64KiB, 64MiB, 1GiB), ROWSxBYTES with +GAP for rows that far apart on the device, or "
    "COUNTofBYTES; then @OFFSET for memory of the host that is not aligned, and :out for copies to "
    "the host (64MiB:out, 4096x100+28, 1000of256@1)";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline transfer_shape parse_transfer_shape(std::string_view text) {
  size_text size(text, transfer_shape_help, std::int64_t{1} << 32);
  const auto scale = [&](std::int64_t number) {
    if (size.has("KiB")) return number << 10;
    if (size.has("MiB")) return number << 20;
    if (size.has("GiB")) return number << 30;
    return number;
  };
  transfer_shape shape;
  shape.width = size.number();
  if (const auto rows_of = size.number_after("x")) {
    shape.of = transfer_shape::kind::rows;
    shape.count = shape.width, shape.width = scale(*rows_of);
    shape.gap = size.number_after("+").value_or(0);
  } else if (const auto copies_of = size.number_after("of")) {
    shape.of = transfer_shape::kind::batch;
    shape.count = shape.width, shape.width = scale(*copies_of);
  } else {
    shape.width = scale(shape.width);
  }
  shape.offset = size.number_after("@").value_or(0);
  if (size.has(":out")) shape.way = transfer::direction::to_host;
  size.end(double(shape.count) * double(shape.pitch()));
  return shape;
}

}  // namespace warpladder::bench
