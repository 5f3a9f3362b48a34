// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::bench {

/// The size of a problem of the topic rowwise as people write it:
///   "4096x1000"    rows x cols
///   "8192x1000+1"  rows are 1 element further apart than they are long, on both sides
///   "8192x1000@1"  `in` begins 1 element behind an aligned address
struct rowwise_shape {
  std::int64_t rows = 0, cols = 0, gap = 0, offset = 0;

  /// What any method must move: every element read once and written once.
  double bytes(std::size_t element_size) const {
    return 2.0 * double(element_size) * double(rows) * double(cols);
  }

  std::string name() const {
    std::string text = std::to_string(rows) + "x" + std::to_string(cols);
    if (gap != 0) text.append("+").append(std::to_string(gap));
    if (offset != 0) text.append("@").append(std::to_string(offset));
    return text;
  }
};

inline constexpr const char* rowwise_shape_help =
    "ROWSxCOLS, followed by +GAP for rows that far apart and by @OFFSET for an `in` that is not "
    "aligned (8192x1000+1, 8192x1000@1)";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline rowwise_shape parse_rowwise_shape(std::string_view text) {
  std::string_view rest = text;
  const auto complain = [&] {
    return std::invalid_argument("'" + std::string(text) + "' is not a size. Write " +
                                 rowwise_shape_help + ", each from 1 to 2147483647.");
  };
  const auto number = [&] {
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value < 1) throw complain();
    rest.remove_prefix(std::size_t(end - rest.data()));
    return std::int64_t{value};
  };
  const auto number_after = [&](std::string_view word) -> std::optional<std::int64_t> {
    if (!rest.starts_with(word)) return std::nullopt;
    rest.remove_prefix(word.size());
    return number();
  };

  rowwise_shape shape;
  shape.rows = number();
  const auto cols = number_after("x");
  if (!cols) throw complain();
  shape.cols = *cols;
  shape.gap = number_after("+").value_or(0);
  shape.offset = number_after("@").value_or(0);
  if (!rest.empty()) throw complain();
  if (shape.bytes(sizeof(float)) > 1e15)
    throw std::invalid_argument("'" + std::string(text) + "' needs more memory than there is.");
  return shape;
}

/// A problem of this shape without memory: its pointers are good for nothing but the supports() of
/// a rung, which asks for their alignment.
template <class Problem>
Problem rowwise_problem_of(const rowwise_shape& shape) {
  using element = std::remove_pointer_t<decltype(Problem::out)>;
  Problem p;
  p.rows = shape.rows, p.cols = shape.cols;
  p.in = reinterpret_cast<const element*>(std::uintptr_t(shape.offset) * sizeof(element));
  p.ld_in = p.ld_out = p.cols + shape.gap;
  return p;
}

}  // namespace warpladder::bench
