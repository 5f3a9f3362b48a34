// SPDX-License-Identifier: Apache-2.0
#include <reduce_shape.hpp>
#include <scan.hpp>

#include "topics.hpp"

namespace warpladder::cli {

topic scan_topic() {
  const auto problem_of = [](const std::string& text, const auto&) {
    const bench::array_shape shape = bench::parse_array_shape(text);
    const std::uintptr_t offset = std::uintptr_t(shape.offset) * sizeof(float);
    scan::problem<float> p;
    p.n = shape.count;
    p.in = reinterpret_cast<const float*>(offset), p.out = reinterpret_cast<float*>(offset);
    return p;
  };
  return {.name = "scan",
          .size_help = bench::array_shape_help,
          .quick_sizes = "16777216",
          .checked = "on integers, whose sums are exact in every order,",
          .is_arithmetic = false,
          .ladders = {with_rungs({.title = "scan",
                                  .name = "scan",
                                  .vendor = "CUB",
                                  .front_doors = {{"run", "warpladder::scan::run"}}},
                                 tables::scan_rungs<float>(), problem_of)},
          .check_size = [](const std::string& size) { bench::parse_array_shape(size); },
          .add_rungs = add_scan_rungs};
}

}  // namespace warpladder::cli
