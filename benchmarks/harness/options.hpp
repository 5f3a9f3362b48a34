// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpladder::bench {

/// How the launches of a case follow each other; part of its name.
enum class mode {
  stream,  ///< enqueued one by one, back to back; data stays in L2 as far as it fits
  graph,   ///< the same launches as one graph: what is left when the host's share is gone
  cold,    ///< each launch on the least recently used of many copies: nothing is left in L2
};

/// What the user asked for: our own flags. Google Benchmark keeps its --benchmark_* flags.
struct options {
  std::string suite = "quick";
  std::vector<std::string> sizes;  ///< replaces the suite's list
  std::vector<std::string> rungs;  ///< parts of rung names; empty: all
  std::vector<std::string> modes;  ///< empty: those of the suite
  int pairs = 9;
  double batch_ms = 4;
  double case_seconds = 2;
  bool slow = false;

  bool is_full() const { return suite == "full"; }
  bool wants_rung(std::string_view name) const;
  bool wants_mode(mode which) const;
};

/// What --help says of a topic.
struct help_texts {
  std::string sizes;        ///< how --sizes are written
  std::string front_doors;  ///< as --rungs calls them: "`run` is the front door"
  std::string examples;     ///< a line each
  std::string vendor;       ///< whose time is compared with ours
  std::string judge;        ///< what results are compared with before they are timed
};

/// Parses what Google Benchmark has left of the command line. On a mistake, says what to do and
/// exits with code 2.
options parse_options(int argc, char** argv, const help_texts& texts);

/// The text of --help: our flags first, then Google Benchmark's.
void print_help(const help_texts& texts);

/// The value of a --benchmark_* flag as Google Benchmark will see it: the last on the command line,
/// else the environment, else "". A flag without a value is "true".
std::string standard_flag(std::string_view name, int argc, char** argv);

}  // namespace warpladder::bench
