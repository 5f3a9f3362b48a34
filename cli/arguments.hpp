// SPDX-License-Identifier: Apache-2.0
//
// The command line, taken apart. Apart from the programs, as the library for it takes long to
// compile and no backend makes a difference to it.
#pragma once

#include <optional>
#include <string>

#include "commands.hpp"

namespace warpladder::cli {

/// What the help says of this program.
struct help_texts {
  std::string version, topics, sizes, front_doors;
};

struct arguments {
  std::optional<int> exit_code;  ///< the program ends here: help was asked for, or a mistake found
  std::string command;           ///< "list", "climb", ...
  std::string backend = "auto";
  bool json = false;
  std::string topic;
  climb_options climb;
  explain_options explain;
  check_options check;
  counters_options counters;
};

/// Prints help and complaints itself.
arguments parse_arguments(int argc, char** argv, const help_texts& texts);

}  // namespace warpladder::cli
