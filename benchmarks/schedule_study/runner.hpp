// SPDX-License-Identifier: Apache-2.0
//
// The dispatcher: releases the jobs of a workload by the clock or from a recording, under one of
// several policies. docs/schedule.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

#include "chain.hpp"
#include "recording.hpp"
#include "workload.hpp"

namespace warpladder::bench {

/// Who decides when a job starts, and how it gets to the device.
struct policy {
  const char* name;
  const char* idea;
  bool by_table;  ///< slots of one stream, computed before; else at the release, a stream per task
  bool priorities;  ///< of streams, and of the dispatcher among jobs released together
  bool as_graphs;   ///< each unit captured once
  bool stretches;   ///< a unit is a stretch of the table; else a job
};

inline constexpr policy policies[] = {
    {"greedy", "at the release, a stream per task", false, false, false, false},
    {"greedy_priorities", "the same, streams with priorities", false, true, false, false},
    {"table", "at the slot of a table, one stream", true, true, false, false},
    {"table_graphs", "the same, a graph per job", true, true, true, false},
    {"table_stretches", "the same, a graph per stretch of jobs", true, true, true, true},
};

/// A job of the hyperperiod.
struct job_name {
  int task, place;
  bool operator==(const job_name&) const = default;
};

/// What is enqueued at one time.
struct unit {
  std::int64_t at_us;
  std::vector<job_name> jobs;
};

/// All units of a hyperperiod, in order. Throws schedule::infeasible if the policy needs a table
/// and there is none.
std::vector<unit> make_units(const workload& all, const policy& how);

/// What became of a job. Host times in nanoseconds of CLOCK_MONOTONIC.
struct job_log {
  job_name job{};
  std::int64_t sequence = 0;
  std::int64_t release_ns = 0, planned_ns = 0;  ///< planned: the slot, or the release again
  std::int64_t slot_end_ns = 0;                 ///< planned, and the budgets up to its own
  std::int64_t dispatched_ns = 0;               ///< before the first call for its unit
  std::int64_t enqueued_ns = 0;                 ///< the last call has returned
  std::int64_t unit_calls_ns = 0;               ///< between the two, with the first job of a unit
  std::array<std::int64_t, most_consumed> consumed{-1, -1, -1, -1};
  bool dropped = false;               ///< its buffers were still in use, a hyperperiod later
  unsigned long long started_at = 0;  ///< device_nanoseconds() of the first kernel
  float ended_ms = 0;                 ///< since run_options::base
};

struct run_options {
  int hyperperiods = 1;
  /// By the clock, and a job whose buffers are in use is dropped. Else as fast as possible, and it
  /// waits for them.
  bool paced = true;
  bool keep_results = false;
  cudaEvent_t base = nullptr;  ///< recorded with timing; null: ends are not timed
  /// Replays only: consume what has arrived last instead of what the recording says. Wrong, and
  /// here for the tests, which must see that it is.
  bool consume_by_arrival = false;
};

struct run_log {
  std::vector<job_log> jobs;  ///< in the order in which they were enqueued or dropped
  results kept;               ///< of the jobs that ran, in that order, if keep_results
  double seconds = 0;
};

/// Owns the buffers, streams and graphs of a workload under one policy. Not for several threads.
class runner {
 public:
  /// Throws std::invalid_argument for an invalid workload, schedule::infeasible, cuda_error.
  runner(workload all, const policy& how, bool float_atomics = false);
  ~runner();

  /// Live: frames are those of a synthetic sensor.
  run_log run(const run_options& options);

  /// What `log`, of a live run with results kept, is to be replayed from.
  recording record(const run_log& log) const;

  /// The same jobs with the same frames and the same decisions. The order of the recording is kept,
  /// not its times. Throws bad_recording.
  run_log replay(const recording& what, const run_options& options);

  int enqueuing_calls_per_hyperperiod() const;

 private:
  struct place;
  struct task_buffers;
  struct graph;

  place& at(job_name job);
  cudaStream_t stream_of(int task) const;
  void start(const run_options& options);
  void finish();
  bool settle(place& one, bool wait);
  bool claim(const unit& what, bool wait);
  void choose(const task_chain& chain, job_log& log);
  void prepare(job_log log, std::int64_t time_us);
  void enqueue(job_name job, cudaStream_t on);
  void submit(const unit& what, const graph* captured);
  void settle_what_is_done(std::int64_t until_ns);
  void make_room(std::size_t jobs);

  workload all_;
  policy how_;
  std::vector<unit> units_;
  std::vector<stream> streams_;
  std::vector<task_buffers> tasks_;
  std::vector<graph> graphs_;
  std::int64_t length_us_;
  run_options options_;
  run_log log_;
};

}  // namespace warpladder::bench
