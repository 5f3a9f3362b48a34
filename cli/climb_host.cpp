// SPDX-License-Identifier: Apache-2.0
//
// Climbing without a GPU: every rung is executed on the CPU and verified. Nothing is timed.

#include "climb_host.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace warpladder::cli {

int climb(const climb_options& wanted) {
  topic_outcome all;
  for (const std::string_view topic : topics) {
    if (!wanted.topic.empty() && topic != wanted.topic) continue;
    const topic_outcome one = topic == "gemm" ? climb_gemm(wanted) : climb_memory(wanted);
    if (one.ran == 0) continue;
    all.ran += one.ran;
    all.all_right &= one.all_right;
    all.report[std::string(topic)] = one.report;
  }
  if (all.ran == 0) {
    fmt::print(stderr,
               "No rung could run. `warpladder list` names those that --rungs chooses from.\n");
    return 2;
  }
  if (wanted.json) {
    fmt::print("{}\n", all.report.dump(2));
  } else {
    fmt::print(
        "\nThe kernels ran on the CPU, thread by thread as CUDA would run them. No times are "
        "shown: "
        "the time\nof an emulation says nothing about a GPU.\n");
  }
  return all.all_right ? 0 : 1;
}

}  // namespace warpladder::cli
