// SPDX-License-Identifier: Apache-2.0
//
// What the program can do. Each command returns the exit code: 0 fine, 1 a rung is wrong or failed,
// 2 a mistake in the arguments or nothing to run on. climb and devices have one source per backend.
#pragma once

#include <string>
#include <vector>

namespace warpladder::cli {

struct climb_options {
  std::string topic;               ///< empty: all
  std::vector<std::string> rungs;  ///< parts of names; empty: all
  std::vector<std::string> sizes;  ///< empty: the usual ones
  std::string gpu = "h100";        ///< whose roofline the host backend shows
  bool json = false, quick = false, slow = false;
};

struct explain_options {
  std::string rung;     ///< a name, or a part of it that only one has
  std::string against;  ///< a rung to compare with; empty: none
  std::string shape;    ///< empty: the rung's own
  std::string gpu = "h100";
  std::string html;  ///< file to write; empty: none
  bool json = false;
};

struct check_options {
  std::string rung;   ///< a part of the names; empty: every rung
  std::string shape;  ///< empty: several of the rung's own
  int schedules = 3;  ///< random orders, after the one in which threads run in order
  bool json = false;
};

struct counters_options {
  std::string rung;  ///< a part of the names; empty: every rung
};

int explain(const explain_options& wanted);
int check(const check_options& wanted);
int counters(const counters_options& wanted);
int list(const std::string& topic, bool json);
int climb(const climb_options& wanted);
int devices(bool json);

}  // namespace warpladder::cli
