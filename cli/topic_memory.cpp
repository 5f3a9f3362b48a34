// SPDX-License-Identifier: Apache-2.0
#include <memory.hpp>
#include <memory_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {
namespace {

using kind = bench::memory_shape::kind;

template <class Problem>
ladder_facts ladder(const std::string& name, const char* vendor, const std::string& front_door,
                    kind sizes, std::span<const rung_entry<Problem>> rungs) {
  ladder_facts facts{.title = "memory: " + name, .name = name, .vendor = vendor};
  if (!front_door.empty()) facts.front_doors = {{front_door, "warpladder::memory::" + front_door}};
  facts.takes = [=](const std::string& size) {
    return bench::parse_memory_shape(size).of == sizes;
  };
  return with_rungs(facts, rungs, [](const std::string& shape, const auto& rung) {
    return bench::problem_of<Problem>(bench::parse_memory_shape(shape), rung.supports);
  });
}

}  // namespace

topic memory_topic() {
  return {.name = "memory",
          .size_help = bench::memory_shape_help,
          .quick_sizes = "4096,1048576particles,16777216of4194304",
          .checked = "element by element",
          .is_arithmetic = false,
          .ladders = {ladder("transposes", "cuBLAS", "transpose", kind::matrix,
                             tables::transpose_rungs()),
                      ladder("copies", "cudaMemcpy", "copy_2d", kind::matrix, tables::copy_rungs()),
                      ladder("layouts", "rung 20", "", kind::particles, tables::layout_rungs()),
                      ladder("lookups", "rung 30", "", kind::lookups, tables::lookup_rungs())},
          .check_size = [](const std::string& size) { bench::parse_memory_shape(size); },
          .add_rungs = add_memory_rungs};
}

}  // namespace warpladder::cli
