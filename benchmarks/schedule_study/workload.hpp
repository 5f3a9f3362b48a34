// SPDX-License-Identifier: Apache-2.0
//
// What is scheduled: sensors that deliver frames, and tasks that use the latest results of others.
// All of it is data; docs/schedule.md says how to put your own sensors here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>
#include <warpladder/schedule.hpp>

namespace warpladder::bench {

/// A task of which each job is a chain: a frame of width x height bytes goes to the device, is
/// smoothed `passes` times, what the smoothing took away is counted into 256 classes, and 2 KiB
/// come back. A task that consumes others also blends their latest counts into a state of its own.
struct task_chain {
  schedule::task timing;
  std::uint32_t width = 0, height = 0;
  int passes = 1;
  std::vector<int> consumes;  ///< indices of tasks, at most most_consumed

  int kernels() const { return passes + 1 + !consumes.empty(); }
  std::size_t bytes() const { return std::size_t{width} * height; }
};

inline constexpr int most_consumed = 4;

using workload = std::vector<task_chain>;

/// What is wrong with it, in words; empty if nothing is.
std::string explain_invalid(const workload& all);

/// The timings alone, in the same order.
std::vector<schedule::task> timings(const workload& all);

/// A vehicle whose clocks go ten times as fast, so that seconds show thousands of jobs: three
/// cameras of 25 Hz, radar of 20 Hz, lidar of 10 Hz, their fusion at 20 Hz, control at 100 Hz.
workload vehicle();

/// The same number for the same workload, another one for others, with good odds.
std::uint64_t fingerprint(const workload& all);

/// FNV-1a (Fowler, Noll, Vo) of some bytes, going on from `hash`.
std::uint64_t fnv1a(const void* bytes, std::size_t count,
                    std::uint64_t hash = 0xcbf29ce484222325ull);

}  // namespace warpladder::bench
