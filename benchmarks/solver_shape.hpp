// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <warpladder/solver/problem.hpp>

namespace warpladder::bench {

/// The size of a problem of the topic solver: "1024x768" cells, rows x cols.
struct solver_shape {
  std::int64_t rows = 0, cols = 0;

  double cells() const { return double(rows) * double(cols); }
  std::string name() const { return std::to_string(rows) + "x" + std::to_string(cols); }
};

inline constexpr const char* solver_shape_help = "ROWSxCOLS (1024x768)";

/// How often a problem that is timed goes on, and the least bytes per cell that each time moves
/// where nothing stays on chip: a value read and written; for conjugate gradients the vectors r, p
/// read, p, q written, x, p, r, q read, x, r written.
template <class Problem>
inline constexpr bool is_heat = std::is_same_v<Problem, solver::jacobi_problem>;
template <class Problem>
inline constexpr int solver_steps = is_heat<Problem> ? 200 : 100;
template <class Problem>
inline constexpr double solver_bytes_per_cell = is_heat<Problem> ? 8 : 40;

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline solver_shape parse_solver_shape(std::string_view text) {
  size_text size(text, solver_shape_help);
  solver_shape shape;
  shape.rows = size.number();
  if (!size.has("x")) size.complain();
  shape.cols = size.number();
  size.end(shape.cells() * 100);
  return shape;
}

/// A problem of this shape, packed and without memory: good for supports() alone.
template <class Problem>
Problem solver_problem_of(const solver_shape& shape, int steps = solver_steps<Problem>) {
  Problem p;
  p.rows = shape.rows, p.cols = shape.cols;
  if constexpr (is_heat<Problem>) {
    p.steps = steps, p.alpha = 0.2f;
    p.ld_in = p.ld_out = shape.cols;
  } else {
    p.iterations = steps;
    p.ld_b = p.ld_x = shape.cols;
  }
  return p;
}

}  // namespace warpladder::bench
