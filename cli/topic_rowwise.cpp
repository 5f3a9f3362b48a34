// SPDX-License-Identifier: Apache-2.0
#include <rowwise.hpp>
#include <rowwise_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {
namespace {

template <class Problem>
ladder_facts ladder(const std::string& name, const char* vendor, std::vector<front_door> doors,
                    std::span<const rung_entry<Problem>> rungs) {
  return with_rungs({.title = "rowwise: " + name,
                     .name = name,
                     .vendor = vendor,
                     .front_doors = std::move(doors)},
                    rungs, [](const std::string& shape, const auto&) {
                      return bench::rowwise_problem_of<Problem>(bench::parse_rowwise_shape(shape));
                    });
}

}  // namespace

topic rowwise_topic() {
  const std::string normalize = "warpladder::rowwise::normalize";
  return {.name = "rowwise",
          .size_help = bench::rowwise_shape_help,
          .quick_sizes = "16384x4096",
          .checked = "against float64",
          .is_arithmetic = false,
          .ladders = {ladder("softmax", "rung 01", {{"softmax", "warpladder::rowwise::softmax"}},
                             tables::softmax_rungs<float>()),
                      ladder("norms", "rung 11", {{"layernorm", normalize}, {"rmsnorm", normalize}},
                             tables::norm_rungs<float>())},
          .check_size = [](const std::string& size) { bench::parse_rowwise_shape(size); },
          .add_rungs = add_rowwise_rungs};
}

}  // namespace warpladder::cli
