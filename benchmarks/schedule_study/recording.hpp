// SPDX-License-Identifier: Apache-2.0
//
// What a run needs to be repeated: the inputs, and the decisions that depended on time. The format
// is in docs/schedule.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "chain.hpp"
#include "workload.hpp"

namespace warpladder::bench {

struct recorded_job {
  std::int32_t task = 0;
  std::uint32_t payload = 0;  ///< index of its frame, of which the header is written anew
  std::int64_t sequence = 0;  ///< of its task
  std::int64_t time_us = 0;   ///< when the sensor took the frame
  /// The decision: which results it consumed, by sequence, in the order of task_chain::consumes;
  /// -1: none was there yet.
  std::array<std::int64_t, most_consumed> consumed{-1, -1, -1, -1};
  std::uint64_t result_hash = 0;  ///< FNV-1a of its result
};

struct recording {
  std::uint64_t workload = 0;  ///< fingerprint of the workload that it was made with
  std::vector<std::vector<std::uint8_t>> payloads;
  std::vector<recorded_job> jobs;  ///< in the order in which they were enqueued
};

/// The file cannot be used; the text says why.
class bad_recording : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

void save(const recording& what, std::ostream& to);

/// Throws bad_recording if the bytes are no recording, end too early, or have changed since.
recording load_recording(std::istream& from);

/// Throws bad_recording unless `what` can be replayed with this workload: every job has a payload
/// of its size, sequences rise, and what is consumed was enqueued before and is not yet
/// overwritten.
void check(const recording& what, const workload& with);

/// Results of jobs, result_words per job, as bytes can be compared.
using results = std::vector<std::uint32_t>;

/// How many of the recorded hashes do not belong to these results.
std::size_t count_differences(const recording& what, std::span<const std::uint32_t> found);

}  // namespace warpladder::bench
