// SPDX-License-Identifier: Apache-2.0
//
// What the program can do. Each command returns the exit code: 0 fine, 1 a rung is wrong or failed,
// 2 a mistake in the arguments or nothing to run on. climb and devices have one source per backend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpladder::cli {

/// The ladders there are. A new one is a new name here and a case in list.cpp and climb_*.cpp.
inline constexpr std::string_view topics[] = {"gemm"};

struct climb_options {
  std::string topic;               ///< empty: all
  std::vector<std::string> rungs;  ///< parts of names; empty: all
  std::vector<std::string> sizes;  ///< empty: the usual ones
  std::string gpu = "h100";        ///< whose roofline the host backend shows
  bool json = false, quick = false, slow = false;
};

int list(const std::string& topic, bool json);
int climb(const climb_options& wanted);
int devices(bool json);

}  // namespace warpladder::cli
