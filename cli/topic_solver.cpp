// SPDX-License-Identifier: Apache-2.0
#include <solver.hpp>
#include <solver_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {
namespace {

template <class Problem>
ladder_facts ladder(const std::string& title, const std::string& name, const char* vendor,
                    front_door door, std::span<const rung_entry<Problem>> rungs) {
  return with_rungs({.title = "solver: " + title,
                     .name = name,
                     .vendor = vendor,
                     .front_doors = {std::move(door)}},
                    rungs, [](const std::string& shape, const auto&) {
                      return bench::solver_problem_of<Problem>(bench::parse_solver_shape(shape));
                    });
}

}  // namespace

topic solver_topic() {
  return {.name = "solver",
          .size_help = bench::solver_shape_help,
          .quick_sizes = "1024x1024",
          .checked = "bit by bit, and against float64",
          .is_arithmetic = false,
          .ladders = {ladder("steps of the heat equation", "jacobi", "rung 01",
                             {"jacobi", "warpladder::solver::jacobi"}, tables::jacobi_rungs()),
                      ladder("conjugate gradients", "cg", "rung 11",
                             {"conjugate_gradient", "warpladder::solver::conjugate_gradient"},
                             tables::cg_rungs())},
          .check_size = [](const std::string& size) { bench::parse_solver_shape(size); },
          .add_rungs = add_solver_rungs};
}

}  // namespace warpladder::cli
