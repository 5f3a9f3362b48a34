// SPDX-License-Identifier: Apache-2.0
#include "topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "rungs.hpp"

namespace warpladder::cli {

topic gemm_topic();
topic gemm_tc_topic();
topic grid_sync_topic();
topic memory_topic();
topic pipeline_topic();
topic reduce_topic();
topic scan_topic();
topic rowwise_topic();
topic solver_topic();
topic transfer_topic();

const std::vector<topic>& topics() {
  static const std::vector<topic> all{
      gemm_topic(),   gemm_tc_topic(), grid_sync_topic(), memory_topic(), pipeline_topic(),
      reduce_topic(), scan_topic(),    rowwise_topic(),   solver_topic(), transfer_topic()};
  return all;
}

bool ladder_facts::has_front_door(std::string_view wanted) const {
  return std::any_of(front_doors.begin(), front_doors.end(),
                     [&](const front_door& one) { return one.name == wanted; });
}

bool ladder_facts::has_rung(std::string_view wanted) const {
  return std::any_of(rungs.begin(), rungs.end(),
                     [&](const rung_info& one) { return full_name(one) == wanted; });
}

std::string topic_names() {
  std::vector<std::string> names;
  for (const topic& one : topics()) names.push_back(one.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<topic> topics_called(const std::string& name) {
  if (name.empty()) return topics();
  for (const topic& one : topics()) {
    if (one.name == name) return {one};
  }
  throw std::invalid_argument(
      fmt::format("There is no ladder '{}'. There are: {}.", name, topic_names()));
}

}  // namespace warpladder::cli
