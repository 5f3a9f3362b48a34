// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
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
  size_text size(text, rowwise_shape_help);
  rowwise_shape shape;
  shape.rows = size.number();
  if (!size.has("x")) size.complain();
  shape.cols = size.number();
  shape.gap = size.number_after("+").value_or(0);
  shape.offset = size.number_after("@").value_or(0);
  size.end(shape.bytes(sizeof(float)));
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
