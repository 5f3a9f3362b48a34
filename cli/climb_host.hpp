// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "commands.hpp"

namespace warpladder::cli {

/// What became of a topic's rungs on the host, after they have been shown (unless JSON is wanted).
struct topic_outcome {
  std::size_t ran = 0;
  bool all_right = true;
  nlohmann::ordered_json report = {};
};

topic_outcome climb_gemm(const climb_options& wanted);
topic_outcome climb_memory(const climb_options& wanted);

}  // namespace warpladder::cli
