// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <schedule_study/host_time.hpp>
#include <schedule_study/runner.hpp>
#include <stdexcept>
#include <utility>

namespace warpladder::bench {

std::vector<unit> make_units(const workload& all, const policy& how) {
  const std::vector<schedule::task> tasks = timings(all);
  schedule::table due = how.by_table ? schedule::build_table(tasks) : schedule::releases(tasks);
  if (!how.by_table && how.priorities)
    std::ranges::stable_sort(due.slots, {}, [&](const schedule::slot& job) {
      return std::pair(job.release_us, tasks[std::size_t(job.task)].priority);
    });
  std::vector<unit> units;
  const auto add_job = [&](const schedule::slot& job) {
    units.back().jobs.push_back({job.task, job.place});
  };
  if (how.stretches) {
    for (const auto& [first, count] : schedule::stretches(due)) {
      units.push_back({due.slots[first].start_us, {}});
      for (std::size_t i = first; i < first + count; ++i) add_job(due.slots[i]);
    }
  } else {
    for (const schedule::slot& job : due.slots) {
      units.push_back({job.start_us, {}});
      add_job(job);
    }
  }
  return units;
}

/// Where one job of the hyperperiod has its frame and its result, and what happens there.
struct runner::place {
  event done, ended{event::timing::on};
  cudaEvent_t unit_done = nullptr;   ///< `done` of the first job of the unit that it ran in
  std::vector<cudaEvent_t> readers;  ///< per task: its latest job that consumes the result
  job_operands operands{};
  std::int64_t sequence = -1;  ///< whose frame and result lie here
  bool pending = false;        ///< enqueued, and not yet seen to be done
  std::size_t log_index = 0;
};

struct runner::task_buffers {
  pinned_buffer<std::uint8_t> frames;  // of all places, one behind the other; so are the results
  pinned_buffer<unsigned> results_host;
  pinned_buffer<unsigned long long> started;
  device_buffer<std::uint8_t> frame, smooth[2];  // used by one job of the task at a time
  device_buffer<unsigned> results;
  device_buffer<float> state;
  std::vector<place> places;
};

struct runner::graph {
  explicit graph(cudaGraph_t captured) { WARPLADDER_TRY(cudaGraphInstantiate(&exec, captured, 0)); }
  graph(graph&& other) noexcept : exec(std::exchange(other.exec, nullptr)) {}
  ~graph() {
    if (exec != nullptr) WARPLADDER_TRY_NOTHROW(cudaGraphExecDestroy(exec));
  }
  cudaGraphExec_t exec = nullptr;
};

runner::runner(workload all, const policy& how, bool float_atomics)
    : all_(std::move(all)), how_(how) {
  if (const std::string wrong = explain_invalid(all_); !wrong.empty())
    throw std::invalid_argument(wrong);
  length_us_ = schedule::hyperperiod_us(timings(all_));
  units_ = make_units(all_, how_);

  int least = 0, greatest = 0;
  WARPLADDER_TRY(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  for (std::size_t task = 0; task < (how_.by_table ? 1 : all_.size()); ++task) {
    const int wanted = how_.by_table ? 0 : all_[task].timing.priority;
    // The least stays for work without deadlines.
    streams_.emplace_back(how_.priorities ? std::min(greatest + wanted, least - 1) : least);
  }

  for (std::size_t task = 0; task < all_.size(); ++task) {
    const task_chain& chain = all_[task];
    const std::size_t count = std::size_t(length_us_ / chain.timing.period_us);
    task_buffers& mine = tasks_.emplace_back();
    mine.frames = pinned_buffer<std::uint8_t>(count * chain.bytes());
    mine.results_host = pinned_buffer<unsigned>(count * result_words);
    mine.started = pinned_buffer<unsigned long long>(count);
    mine.frame = device_buffer<std::uint8_t>(chain.bytes());
    for (auto& each : mine.smooth) each = device_buffer<std::uint8_t>(chain.bytes());
    mine.results = device_buffer<unsigned>(count * result_words);
    mine.state = device_buffer<float>(classes);
    mine.places.resize(count);
    std::uint32_t noise = std::uint32_t(task) * 7919 + 1;  // of the sensor: xorshift, by Marsaglia
    for (std::uint8_t& byte : mine.frames.view()) {
      noise ^= noise << 13, noise ^= noise >> 17, noise ^= noise << 5;
      byte = std::uint8_t(noise >> 24);
    }
  }
  for (std::size_t task = 0; task < all_.size(); ++task) {
    const task_chain& chain = all_[task];
    task_buffers& mine = tasks_[task];
    for (std::size_t i = 0; i < mine.places.size(); ++i) {
      mine.places[i].readers.resize(all_.size());
      job_operands& job = mine.places[i].operands;
      job = {.frame_host = mine.frames.data() + i * chain.bytes(),
             .frame = mine.frame.data(),
             .smooth = {mine.smooth[0].data(), mine.smooth[1].data()},
             .result = mine.results.data() + i * result_words,
             .result_host = mine.results_host.data() + i * result_words,
             .started = mine.started.data() + i,
             .consumed = {},
             .consumed_count = int(chain.consumes.size()),
             .state = mine.state.data(),
             .width = chain.width,
             .height = chain.height,
             .passes = chain.passes,
             .float_atomics = float_atomics};
      for (std::size_t c = 0; c < chain.consumes.size(); ++c)
        job.consumed[c] = tasks_[std::size_t(chain.consumes[c])].results.data();
    }
  }

  if (!how_.as_graphs) return;
  for (const unit& each : units_) {
    cudaGraph_t captured{};
    WARPLADDER_TRY(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeThreadLocal));
    for (const job_name job : each.jobs) enqueue(job, streams_[0]);
    WARPLADDER_TRY(cudaStreamEndCapture(streams_[0], &captured));
    graphs_.emplace_back(captured);
    WARPLADDER_TRY(cudaGraphDestroy(captured));
    WARPLADDER_TRY(cudaGraphUpload(graphs_.back().exec, streams_[0]));
  }
}

runner::~runner() {
  // What is still running works with buffers that are about to go.
  for (const stream& each : streams_) WARPLADDER_TRY_NOTHROW(cudaStreamSynchronize(each));
}

runner::place& runner::at(job_name job) {
  return tasks_[std::size_t(job.task)].places[std::size_t(job.place)];
}

cudaStream_t runner::stream_of(int task) const {
  return how_.by_table ? streams_[0] : streams_[std::size_t(task)];
}

int runner::enqueuing_calls_per_hyperperiod() const {
  int calls = int(units_.size());  // each with an event behind it
  for (const unit& each : units_) {
    if (how_.as_graphs) ++calls;
    for (const job_name job : each.jobs)  // two copies, the kernels, and the event with the time
      if (!how_.as_graphs) calls += all_[std::size_t(job.task)].kernels() + 3;
  }
  return calls;
}

void runner::start(const run_options& options) {
  options_ = options;
  log_ = {};
  for (const stream& each : streams_) each.synchronize();
  for (task_buffers& each : tasks_) {
    WARPLADDER_TRY(cudaMemsetAsync(each.results.data(), 0, each.results.size_bytes(), streams_[0]));
    WARPLADDER_TRY(cudaMemsetAsync(each.state.data(), 0, each.state.size_bytes(), streams_[0]));
    for (place& one : each.places) {
      one.sequence = -1;
      one.pending = false;
      std::ranges::fill(one.readers, nullptr);
    }
  }
  streams_[0].synchronize();
}

/// Waits for all jobs, and keeps only the results of those that ran.
void runner::finish() {
  for (task_buffers& each : tasks_)
    for (place& one : each.places) settle(one, true);
  if (!options_.keep_results) return;
  log_.kept.resize(log_.jobs.size() * result_words);  // the last ones may have been dropped
  std::size_t ran = 0;
  for (std::size_t i = 0; i < log_.jobs.size(); ++i) {
    if (log_.jobs[i].dropped) continue;
    std::copy_n(&log_.kept[i * result_words], result_words, &log_.kept[ran++ * result_words]);
  }
  log_.kept.resize(ran * result_words);
}

/// True if what was enqueued there is done, and has then been taken into the log.
bool runner::settle(place& one, bool wait) {
  if (!one.pending) return true;
  if (wait) {
    WARPLADDER_TRY(cudaEventSynchronize(one.unit_done));
  } else if (!event_view(one.unit_done).is_done()) {
    return false;
  }
  one.pending = false;
  job_log& log = log_.jobs[one.log_index];
  log.started_at = *one.operands.started;
  if (options_.base != nullptr) log.ended_ms = elapsed_ms(options_.base, one.ended);
  if (options_.keep_results) {
    const std::size_t end = (one.log_index + 1) * result_words;
    if (log_.kept.size() < end) log_.kept.resize(end);
    std::copy_n(one.operands.result_host, result_words, &log_.kept[end - result_words]);
  }
  return true;
}

/// Stops at `until_ns`: no call of the driver may be under way when a dispatch is due.
void runner::settle_what_is_done(std::int64_t until_ns) {
  for (task_buffers& each : tasks_)
    for (place& one : each.places)
      if (one.pending && monotonic_ns() < until_ns) settle(one, false);
}

/// Nothing grows, and no page of the logs is touched for the first time, while we dispatch.
void runner::make_room(std::size_t jobs) {
  log_.jobs.resize(jobs);
  log_.jobs.clear();
  if (!options_.keep_results) return;
  log_.kept.resize(jobs * result_words);
  log_.kept.clear();
}

/// True if the buffers of all jobs of the unit are free.
bool runner::claim(const unit& what, bool wait) {
  return std::ranges::all_of(what.jobs, [&](job_name job) { return settle(at(job), wait); });
}

// [the decision]
/// Which results a job consumes: of every task the latest one. In one stream that is the latest one
/// enqueued, whenever it will be done: the same in every run. Across streams it is the latest one
/// done by now, and nobody can say beforehand which that is.
void runner::choose(const task_chain& chain, job_log& log) {
  for (std::size_t c = 0; c < chain.consumes.size(); ++c) {
    std::int64_t latest = -1;
    for (place& one : tasks_[std::size_t(chain.consumes[c])].places)
      if (one.sequence > latest && (how_.by_table || settle(one, false))) latest = one.sequence;
    log.consumed[c] = latest;
  }
}
// [/the decision]

/// Writes the header of the frame. The place is free.
void runner::prepare(job_log log, std::int64_t time_us) {
  place& mine = at(log.job);
  frame_header header{log.sequence, time_us, {-1, -1, -1, -1}};
  const task_chain& chain = all_[std::size_t(log.job.task)];
  for (std::size_t c = 0; c < chain.consumes.size(); ++c) {
    const std::size_t places = tasks_[std::size_t(chain.consumes[c])].places.size();
    if (log.consumed[c] >= 0)
      header.place[c] = std::int32_t(log.consumed[c] % std::int64_t(places));
  }
  std::memcpy(const_cast<std::uint8_t*>(mine.operands.frame_host), &header, sizeof header);
  mine.sequence = log.sequence;
  mine.pending = true;
  mine.log_index = log_.jobs.size();
  log_.jobs.push_back(std::move(log));
}

void runner::enqueue(job_name job, cudaStream_t on) {
  place& mine = at(job);
  WARPLADDER_TRY(enqueue_job(mine.operands, mine.ended, on));
}

/// Enqueues the jobs of a unit, which have been prepared.
void runner::submit(const unit& what, const graph* captured) {
  const std::int64_t begin = monotonic_ns();
  place& first = at(what.jobs.front());
  const cudaStream_t on = stream_of(what.jobs.front().task);
  if (captured != nullptr) {
    WARPLADDER_TRY(cudaGraphLaunch(captured->exec, on));
  } else {
    for (const job_name job : what.jobs) {
      place& mine = at(job);
      if (!how_.by_table) {
        // After those who still read what lay here, and after those whose results it reads.
        for (cudaEvent_t& reader : mine.readers)
          if (reader != nullptr) stream_view(on).wait(std::exchange(reader, nullptr));
        const task_chain& chain = all_[std::size_t(job.task)];
        const job_log& log = log_.jobs[mine.log_index];
        for (std::size_t c = 0; c < chain.consumes.size(); ++c) {
          if (log.consumed[c] < 0) continue;
          auto& places = tasks_[std::size_t(chain.consumes[c])].places;
          place& read = places[std::size_t(log.consumed[c]) % places.size()];
          stream_view(on).wait(read.done);
          read.readers[std::size_t(job.task)] = mine.done;
        }
      }
      enqueue(job, on);
    }
  }
  stream_view(on).record(first.done);
  const std::int64_t end = monotonic_ns();
  for (const job_name job : what.jobs) {
    place& mine = at(job);
    mine.unit_done = first.done;
    log_.jobs[mine.log_index].dispatched_ns = begin;
    log_.jobs[mine.log_index].enqueued_ns = end;
  }
  log_.jobs[first.log_index].unit_calls_ns = end - begin;
}

run_log runner::run(const run_options& options) {
  start(options);
  std::size_t jobs = 0;
  for (const unit& each : units_) jobs += each.jobs.size();
  make_room(jobs * std::size_t(options.hyperperiods));

  std::optional<on_one_core> pinned;
  if (options.paced) pinned.emplace();
  const std::int64_t begin_ns = monotonic_ns() + 1'000'000;
  for (std::int64_t round = 0; round < options.hyperperiods; ++round) {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      const unit& each = units_[u];
      const std::int64_t planned_ns = begin_ns + (round * length_us_ + each.at_us) * 1000;
      if (options.paced) {
        constexpr std::int64_t quiet_ns = 50'000;  // before a dispatch
        settle_what_is_done(planned_ns - quiet_ns);
        wait_until(planned_ns);
      }
      std::int64_t slot_end_ns = planned_ns;
      const bool free = claim(each, !options.paced);
      for (const job_name job : each.jobs) {
        const task_chain& chain = all_[std::size_t(job.task)];
        const std::int64_t places = length_us_ / chain.timing.period_us;
        const std::int64_t release_us =
            round * length_us_ + chain.timing.phase_us + job.place * chain.timing.period_us;
        slot_end_ns += chain.timing.cost_us * 1000;
        job_log log{.job = job,
                    .sequence = round * places + job.place,
                    .release_ns = begin_ns + release_us * 1000,
                    .planned_ns = planned_ns,
                    .slot_end_ns = slot_end_ns,
                    .dropped = !free};
        if (free) {
          choose(chain, log);
          prepare(log, release_us);
        } else {
          log_.jobs.push_back(log);
        }
      }
      if (free) submit(each, how_.as_graphs ? &graphs_[u] : nullptr);
    }
  }
  finish();
  log_.seconds = double(monotonic_ns() - begin_ns) * 1e-9;
  return std::move(log_);
}

recording runner::record(const run_log& log) const {
  recording result{.workload = fingerprint(all_), .payloads = {}, .jobs = {}};
  std::vector<std::uint32_t> first_payload;
  for (std::size_t task = 0; task < all_.size(); ++task) {
    first_payload.push_back(std::uint32_t(result.payloads.size()));
    const std::size_t bytes = all_[task].bytes();
    for (std::size_t i = 0; i < tasks_[task].places.size(); ++i) {
      const std::uint8_t* const frame = tasks_[task].frames.data() + i * bytes;
      result.payloads.emplace_back(frame, frame + bytes);
      // The header belongs to the job, not to the picture.
      std::fill_n(result.payloads.back().begin(), sizeof(frame_header), std::uint8_t{0});
    }
  }
  std::size_t ran = 0;
  for (const job_log& job : log.jobs) {
    if (job.dropped) continue;
    const task_chain& chain = all_[std::size_t(job.job.task)];
    result.jobs.push_back(
        {.task = job.job.task,
         .payload = first_payload[std::size_t(job.job.task)] + std::uint32_t(job.job.place),
         .sequence = job.sequence,
         .time_us = chain.timing.phase_us + job.sequence * chain.timing.period_us,
         .consumed = job.consumed,
         .result_hash = fnv1a(&log.kept.at(ran * result_words), result_words * sizeof(unsigned))});
    ++ran;
  }
  return result;
}

run_log runner::replay(const recording& what, const run_options& options) {
  check(what, all_);
  start(options);
  log_.jobs.reserve(what.jobs.size());
  const auto name_of = [&](const recorded_job& job) {
    const std::size_t places = tasks_[std::size_t(job.task)].places.size();
    return job_name{job.task, int(std::size_t(job.sequence) % places)};
  };

  const std::int64_t begin_ns = monotonic_ns();
  for (std::size_t i = 0; i < what.jobs.size();) {
    // The unit of the policy, if it is what comes next in the recording; else a single job.
    unit next{0, {name_of(what.jobs[i])}};
    const graph* captured = nullptr;
    for (std::size_t u = 0; how_.as_graphs && u < units_.size(); ++u) {
      const std::vector<job_name>& jobs = units_[u].jobs;
      if (jobs.size() > what.jobs.size() - i ||
          !std::equal(jobs.begin(), jobs.end(), what.jobs.begin() + std::ptrdiff_t(i),
                      [&](job_name a, const recorded_job& b) { return a == name_of(b); }))
        continue;
      next.jobs = jobs;
      captured = &graphs_[u];
    }
    claim(next, true);
    for (const job_name job : next.jobs) {
      const recorded_job& recorded = what.jobs[i++];
      const std::vector<std::uint8_t>& payload = what.payloads[recorded.payload];
      std::ranges::copy(payload, const_cast<std::uint8_t*>(at(job).operands.frame_host));
      job_log log{.job = job, .sequence = recorded.sequence, .consumed = recorded.consumed};
      if (options.consume_by_arrival) choose(all_[std::size_t(job.task)], log);
      prepare(log, recorded.time_us);
    }
    submit(next, captured);
  }
  finish();
  log_.seconds = double(monotonic_ns() - begin_ns) * 1e-9;
  return std::move(log_);
}

}  // namespace warpladder::bench
