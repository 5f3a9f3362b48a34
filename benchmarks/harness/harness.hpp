// SPDX-License-Identifier: Apache-2.0
//
// Everything about measuring that is not about one topic: a topic says what its cases are, the
// harness times each against the vendor and reports it. See docs/measuring.md.
#pragma once

#include <functional>
#include <harness/ceilings.hpp>
#include <harness/options.hpp>
#include <harness/workload.hpp>
#include <string>
#include <vector>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// Which of the measured bandwidths is the ceiling of a case's bytes.
enum class traffic {
  copy,  ///< about as much is written as is read
  read,  ///< next to nothing is written
};

/// A rung and the vendor (or whoever takes its place), ready to do the same job.
struct contest {
  launcher rung = {}, vendor = {};
  std::function<void()> before_vendor = {};  ///< not timed; undoes what the rung leaves behind
  std::size_t copies = 1;                    ///< of the operands, for mode::cold
  double repeats = 1;  ///< of the job in one launch; all else is of one, and so are times
  double flops = 0;
  double flops_ceiling = 0;      ///< flop/s that bind instead of the float32 multiply-adds', if any
  double bytes = 0;              ///< that must at least be moved: each input and output once
  traffic kind = traffic::copy;  ///< what the bytes are
  /// Least seconds for the job, by a ceiling of the topic's own that was measured in this process,
  /// such as the rate of the bus. 0: what binds are the GPU's multiply-adds and its memory.
  double bound_seconds = 0;
  std::string label = {};  ///< for people, e.g. which method the front door chose
};

struct bench_case {
  std::string name;  ///< <topic>/<dtype>/<rung>/<shape>[/<mode>]
  mode how = mode::stream;
  /// Allocates, fills, and checks the rung's result. Throws if it is wrong: the case is then
  /// reported as an error and the process fails. What it returns keeps its memory alive.
  std::function<contest(stream_view)> prepare;
};

struct topic {
  /// The cases that the user asked for, in the order in which they shall run.
  std::function<std::vector<bench_case>(const options&, const ceilings&)> cases;
  /// Adds what belongs to the topic to the JSON context, such as the vendor library's version.
  std::function<void()> describe;
  help_texts help;
};

/// How many copies of operands of this size it takes until they fill the L2 cache twice over, so
/// that the least recently used copy is surely not in it.
std::size_t copies_for_cold_cache(std::size_t bytes);

/// A whole benchmark program. Returns the exit code: 0 fine, 1 a case failed, 2 cannot measure.
int run(int argc, char** argv, const topic& subject);

}  // namespace warpladder::bench
