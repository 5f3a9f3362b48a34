// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <warpladder/memory/layout_problem.hpp>
#include <warpladder/memory/lookup_problem.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::bench {

/// The size of a problem of the topic memory as people write it. It tells which ladder is meant:
///   "4096", "4096x1000"   matrices, rows x cols: transposes and 2D copies
///   "8192x8191+1"         rows are 1 element further apart than they are long, on both sides
///   "8192x8192@1"         `in` begins 1 element behind an aligned address
///   "1000particles"       layouts
///   "1000of250"           1000 lookups in a table of 250 elements
struct memory_shape {
  enum class kind { matrix, particles, lookups };

  kind of = kind::matrix;
  std::int64_t rows = 0, cols = 0, gap = 0, offset = 0;  // of matrices
  std::int64_t count = 0, table_size = 0;                // of the others

  /// What any method must move, with elements of 4 bytes: inputs read once, outputs written once.
  double bytes() const {
    switch (of) {
      case kind::matrix:
        return 8.0 * double(rows) * double(cols);
      case kind::particles:  // position and velocity read, position written
        return 36.0 * double(count);
      default:
        return 8.0 * double(count) + 4.0 * double(table_size);
    }
  }

  std::string name() const {
    if (of == kind::particles) return std::to_string(count) + "particles";
    if (of == kind::lookups) return std::to_string(count) + "of" + std::to_string(table_size);
    std::string text = std::to_string(rows) + "x" + std::to_string(cols);
    if (gap != 0) text.append("+").append(std::to_string(gap));
    if (offset != 0) text.append("@").append(std::to_string(offset));
    return text;
  }
};

inline constexpr const char* memory_shape_help =
    "N or ROWSxCOLS, followed by +GAP for rows that far apart and by @OFFSET for an `in` that is "
    "not aligned (8192x8191+1, 8192@1); Nparticles; or NofTABLE (1000of250)";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline memory_shape parse_memory_shape(std::string_view text) {
  size_text size(text, memory_shape_help);
  memory_shape shape;
  const std::int64_t first = size.number();
  if (size.has("particles")) {
    shape.of = memory_shape::kind::particles;
    shape.count = first;
  } else if (const auto table_size = size.number_after("of")) {
    shape.of = memory_shape::kind::lookups;
    shape.count = first;
    shape.table_size = *table_size;
  } else {
    shape.rows = first;
    shape.cols = size.number_after("x").value_or(first);
    shape.gap = size.number_after("+").value_or(0);
    shape.offset = size.number_after("@").value_or(0);
  }
  size.end(shape.bytes());
  return shape;
}

/// A problem of this shape without memory: its pointers are good for nothing but the supports() of
/// a rung, which asks for their alignment. Layouts: the one that the rung works on.
template <class Problem, class Supports>
Problem problem_of(const memory_shape& shape, const Supports& supports) {
  Problem p;
  if constexpr (std::is_same_v<Problem, memory::layout_problem>) {
    using enum memory::layout;
    p.n = shape.count;
    for (const auto stored_as : {array_of_structures, structure_of_arrays, tiled_structure}) {
      p.stored_as = stored_as;
      if (supports(p)) break;
    }
  } else if constexpr (std::is_same_v<Problem, memory::lookup_problem<float>>) {
    p.n = shape.count, p.table_size = shape.table_size;
  } else {
    p.rows = shape.rows, p.cols = shape.cols;
    p.in = reinterpret_cast<const float*>(std::uintptr_t(shape.offset) * sizeof(float));
    p.ld_in = p.cols + shape.gap, p.ld_out = p.out_cols() + shape.gap;
  }
  return p;
}

}  // namespace warpladder::bench
