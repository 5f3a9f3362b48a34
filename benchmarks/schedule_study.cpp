// SPDX-License-Identifier: Apache-2.0
//
// Periodic tasks with deadlines on one GPU: response times and misses under five policies, with and
// without somebody else's work, and whether a recording can be replayed. B2, C3 and C7 in
// docs/faq.md; docs/schedule.md. What is observed here is no bound on what can happen.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <schedule_study/background.hpp>
#include <schedule_study/device_times.hpp>
#include <schedule_study/host_time.hpp>
#include <schedule_study/recording.hpp>
#include <schedule_study/runner.hpp>
#include <schedule_study/workload.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>

namespace {

using namespace warpladder::bench;
using nlohmann::ordered_json;
namespace schedule = warpladder::schedule;

struct choice {
  bool quick = false;
  double seconds = 7;  // of every run
  std::string tasks, record, replay;

  int hyperperiods(std::int64_t length_us) const {
    return std::max(3, int((quick ? 0.2 : seconds) * 1e6 / double(length_us)));
  }
  int recorded(std::int64_t length_us) const {
    return std::max(2, int((quick ? 0.1 : 0.5) * 1e6 / double(length_us)));
  }
};

// ---- the workload as data
// ------------------------------------------------------------------------

workload read_workload(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  const auto rows = ordered_json::parse(file);
  std::map<std::string, int> index;
  for (const auto& row : rows) index.emplace(row.at("name"), int(index.size()));
  if (index.size() != rows.size()) throw std::runtime_error(path + ": two tasks share a name");
  workload all;
  for (const auto& row : rows) {
    const std::int64_t period = row.at("period_us");
    task_chain& one = all.emplace_back();
    one.timing = {row.at("name"),
                  period,
                  row.value("phase_us", std::int64_t{0}),
                  row.value("deadline_us", period),
                  0,
                  row.value("priority", 0)};
    one.width = row.at("width"), one.height = row.at("height");
    one.passes = row.value("passes", 1);
    for (const std::string& other : row.value("consumes", std::vector<std::string>{}))
      one.consumes.push_back(index.at(other));
  }
  if (const std::string wrong = explain_invalid(all); !wrong.empty())
    throw std::runtime_error(path + ": " + wrong);
  return all;
}

ordered_json json_of(const workload& all) {
  ordered_json rows = ordered_json::array();
  for (const task_chain& each : all) {
    std::vector<std::string> consumes;
    for (const int other : each.consumes) consumes.push_back(all[std::size_t(other)].timing.name);
    rows.push_back({{"name", each.timing.name},
                    {"period_us", each.timing.period_us},
                    {"phase_us", each.timing.phase_us},
                    {"deadline_us", each.timing.deadline_us},
                    {"priority", each.timing.priority},
                    {"cost_us", each.timing.cost_us},
                    {"width", each.width},
                    {"height", each.height},
                    {"passes", each.passes},
                    {"kernels", each.kernels()},
                    {"consumes", consumes}});
  }
  return rows;
}

// ---- numbers
// -------------------------------------------------------------------------------------

/// The value that a part `p` of them do not exceed. `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double p) {
  const auto rank = std::size_t(std::ceil(p * double(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

/// Nearest-rank percentiles of what was observed, the greatest, and points of the distribution.
ordered_json summary(std::vector<double> us) {
  if (us.empty()) return nullptr;
  std::ranges::sort(us);
  ordered_json curve = ordered_json::array();
  for (double longer = 1; longer * double(us.size()) >= 1; longer *= std::pow(10, -0.125))
    curve.push_back({1 - longer, quantile(us, 1 - longer)});
  curve.push_back({1, us.back()});
  return {{"p50", quantile(us, 0.5)},
          {"p99", quantile(us, 0.99)},
          {"p99_9", quantile(us, 0.999)},
          {"max", us.back()},
          {"curve", curve}};
}

/// A job that ran, in microseconds of the host's clock since its release.
struct observed {
  double handed_over_late_us;   // first call after the planned start: the dispatcher
  double late_us;               // first kernel after the planned start
  double started_us, ended_us;  // first kernel, result in host memory
  double after_slot_us;         // the result after the end of the slot; by a table only
};

observed observe(const job_log& job, const device_times& times) {
  const double started = times.of_stamp(job.started_at), ended = times.of_event(job.ended_ms);
  return {.handed_over_late_us = double(job.dispatched_ns - job.planned_ns) * 1e-3,
          .late_us = (started - double(job.planned_ns)) * 1e-3,
          .started_us = (started - double(job.release_ns)) * 1e-3,
          .ended_us = (ended - double(job.release_ns)) * 1e-3,
          .after_slot_us = (ended - double(job.slot_end_ns)) * 1e-3};
}

/// A run by the clock, after one to warm up.
struct timed_run {
  run_log log;
  std::vector<observed> jobs;  // as log.jobs; of dropped ones meaningless
  double uncertainty_us = 0;
  std::int64_t bursts = 0;
};

timed_run run_by_the_clock(runner& who, int hyperperiods, background* noise) {
  who.run({.hyperperiods = 2, .paced = false});
  const warpladder::stream idle;
  device_times times(idle);
  if (noise != nullptr) noise->start();
  timed_run result;
  result.log = who.run({.hyperperiods = hyperperiods, .base = times.base()});
  if (noise != nullptr) result.bursts = noise->stop();
  times.finish();
  for (const job_log& job : result.log.jobs) result.jobs.push_back(observe(job, times));
  result.uncertainty_us = times.uncertainty_us();
  return result;
}

/// Median and 99th percentile.
ordered_json middle_and_tail(std::vector<double> us) {
  std::ranges::sort(us);
  return {{"p50", quantile(us, 0.5)}, {"p99", quantile(us, 0.99)}};
}

/// What a job of every task takes, alone on the device, and the budget that it is given for that.
/// Returns the parts: calls of the host, from the first call to the first kernel, on the device
/// from there on.
ordered_json measure_costs(workload& all, bool quick) {
  ordered_json rows = ordered_json::array();
  for (task_chain& each : all) {
    workload alone{each};
    alone[0].passes += !each.consumes.empty();  // there is nobody to consume
    alone[0].consumes.clear();
    alone[0].timing.period_us = std::max<std::int64_t>(2000, each.timing.deadline_us);
    alone[0].timing.phase_us = 0;
    runner one(alone, policies[2]);
    const int jobs =
        quick ? 30 : int(std::clamp<std::int64_t>(2'000'000 / alone[0].timing.period_us, 50, 200));
    const timed_run run = run_by_the_clock(one, jobs, nullptr);
    std::vector<double> calls, to_device, on_device, whole;
    for (std::size_t i = 0; i < run.jobs.size(); ++i) {
      const job_log& job = run.log.jobs[i];
      const observed& seen = run.jobs[i];
      if (job.dropped) continue;
      calls.push_back(double(job.unit_calls_ns) * 1e-3);
      to_device.push_back(seen.late_us - seen.handed_over_late_us);
      on_device.push_back(seen.ended_us - seen.started_us);
      // From the first call on: how late the dispatcher is says nothing about the job. Clocks are
      // known to some microseconds, so a job of nothing could seem to end before it begins.
      whole.push_back(std::max(0.0, seen.ended_us - seen.handed_over_late_us));
    }
    if (whole.empty())
      throw std::runtime_error(each.timing.name + ": no job ends within its period");
    each.timing.cost_us = schedule::budget_us(whole);
    rows.push_back({{"task", each.timing.name},
                    {"jobs", whole.size()},
                    {"calls_us", middle_and_tail(calls)},
                    {"to_first_kernel_us", middle_and_tail(to_device)},
                    {"on_device_us", middle_and_tail(on_device)},
                    {"whole_us", middle_and_tail(whole)},
                    {"budget_us", each.timing.cost_us}});
    const auto both = [&](const char* part) {
      const auto& row = rows.back().at(part);
      return fmt::format("{:6.1f} {:7.1f}", row.at("p50").get<double>(),
                         row.at("p99").get<double>());
    };
    fmt::print("  {:<14}{:>8}{:>9}   {}   {}   {}   {:>6}\n", each.timing.name,
               each.timing.period_us, each.timing.deadline_us, both("calls_us"),
               both("on_device_us"), both("whole_us"), each.timing.cost_us);
  }
  return rows;
}

/// How well this host keeps time with no GPU in play: what no policy can be better than.
ordered_json measure_host(bool quick) {
  constexpr double least_us = 50;
  const double seconds = quick ? 0.2 : 2;
  const bool pinned = on_one_core().pinned();
  const std::vector<double> gaps = host_gaps_us(seconds, least_us);
  std::vector<double> late = late_wakeups_us(quick ? 50 : 500);
  std::ranges::sort(late);
  const double away = std::accumulate(gaps.begin(), gaps.end(), 0.0);
  const double longest = gaps.empty() ? 0 : std::ranges::max(gaps);
  fmt::print(
      "The host alone, {}: spinning for {} s it was away {} times for more than {} us, {:.0f} us "
      "at most;\nfrom a sleep it came back {:.0f} us late at p50, {:.0f} at p99, {:.0f} at most\n",
      pinned ? "on one core" : "not pinned to a core", seconds, gaps.size(), least_us, longest,
      quantile(late, 0.5), quantile(late, 0.99), late.back());
  return {{"pinned", pinned},
          {"spun_seconds", seconds},
          {"gap_least_us", least_us},
          {"gaps", gaps.size()},
          {"gaps_us", away},
          {"gap_max_us", longest},
          {"wakeup_late_us",
           {{"p50", quantile(late, 0.5)}, {"p99", quantile(late, 0.99)}, {"max", late.back()}}}};
}

// ---- response times
// ------------------------------------------------------------------------------

ordered_json without_curve(ordered_json row) {
  if (!row.is_null()) row.erase("curve");
  return row;
}

ordered_json summarise(const workload& all, const timed_run& run, bool by_table) {
  ordered_json tasks = ordered_json::array();
  for (std::size_t task = 0; task < all.size(); ++task) {
    std::vector<double> response, late, handed_over;
    std::size_t dropped = 0, missed = 0, missed_by_the_host = 0, after_slot = 0;
    const double deadline_us = double(all[task].timing.deadline_us);
    for (std::size_t i = 0; i < run.jobs.size(); ++i) {
      const job_log& job = run.log.jobs[i];
      if (std::size_t(job.job.task) != task) continue;
      if (job.dropped) {
        ++dropped;
        continue;
      }
      const observed& seen = run.jobs[i];
      response.push_back(seen.ended_us);
      late.push_back(seen.late_us);
      handed_over.push_back(seen.handed_over_late_us);
      missed += seen.ended_us > deadline_us;
      // Handed over in time, and taking as long, it would have been in time.
      missed_by_the_host +=
          seen.ended_us > deadline_us && seen.ended_us - seen.handed_over_late_us <= deadline_us;
      after_slot += by_table && seen.after_slot_us > 0;
    }
    tasks.push_back({{"task", all[task].timing.name},
                     {"jobs", response.size() + dropped},
                     {"dropped", dropped},
                     {"missed", missed + dropped},
                     {"missed_by_the_host", missed_by_the_host},
                     {"after_slot", by_table ? ordered_json(after_slot) : ordered_json()},
                     {"response_us", summary(response)},
                     {"late_us", without_curve(summary(late))},
                     {"handed_over_late_us", without_curve(summary(handed_over))}});
  }
  return tasks;
}

/// One hyperperiod from the middle: who had the device when.
ordered_json timeline(const timed_run& run, const workload& all, std::int64_t length_us,
                      int hyperperiods) {
  ordered_json jobs = ordered_json::array();
  const double begin_us = double(hyperperiods / 2) * double(length_us);
  const double end_us = begin_us + double(length_us);
  for (std::size_t i = 0; i < run.jobs.size(); ++i) {
    const job_log& job = run.log.jobs[i];
    const schedule::task& task = all[std::size_t(job.job.task)].timing;
    const double release_us = double(task.phase_us) + double(job.sequence) * double(task.period_us);
    if (job.dropped || release_us < begin_us || release_us >= end_us) continue;
    const double from = release_us - begin_us;
    jobs.push_back(
        {job.job.task, from, from + run.jobs[i].started_us, from + run.jobs[i].ended_us});
  }
  return jobs;
}

ordered_json measure_policy(const workload& all, const policy& how, background* noise,
                            int hyperperiods) {
  ordered_json row{{"policy", how.name}, {"idea", how.idea}, {"noise", noise != nullptr}};
  try {
    runner who(all, how);
    const timed_run run = run_by_the_clock(who, hyperperiods, noise);
    double calls_ns = 0;
    std::vector<double> handed_over;
    for (std::size_t i = 0; i < run.jobs.size(); ++i) {
      calls_ns += double(run.log.jobs[i].unit_calls_ns);
      if (!run.log.jobs[i].dropped) handed_over.push_back(run.jobs[i].handed_over_late_us);
    }
    const std::int64_t length_us = schedule::hyperperiod_us(timings(all));
    row["hyperperiods"] = hyperperiods;
    row["seconds"] = run.log.seconds;
    row["clock_uncertainty_us"] = run.uncertainty_us;
    row["calls_per_hyperperiod"] = who.enqueuing_calls_per_hyperperiod();
    row["host_us_per_hyperperiod"] = calls_ns * 1e-3 / hyperperiods;
    row["handed_over_late_us"] = without_curve(summary(handed_over));
    if (noise != nullptr) {
      row["bursts"] = run.bursts;
      row["noise_part"] = double(run.bursts) * noise->kernel_us() * 1e-6 / run.log.seconds;
    }
    row["tasks"] = summarise(all, run, how.by_table);
    row["timeline"] = timeline(run, all, length_us, hyperperiods);
  } catch (const schedule::infeasible& reason) {
    row["why_not"] = reason.what();
  }
  return row;
}

void print(const ordered_json& row) {
  fmt::print("\n{}, {}: {}\n", row["policy"].get<std::string>(),
             row["noise"] ? "with background work" : "alone", row["idea"].get<std::string>());
  if (row.contains("why_not")) {
    fmt::print("  no table: {}\n", row["why_not"].get<std::string>());
    return;
  }
  fmt::print("  {} calls, {:.0f} us of host time per hyperperiod; times are known to {:.1f} us\n",
             row["calls_per_hyperperiod"].get<int>(), row["host_us_per_hyperperiod"].get<double>(),
             row["clock_uncertainty_us"].get<double>());
  fmt::print("  {:<14}{:>7}{:>8}{:>8}{:>8}{:>10}   {:>9}{:>9}{:>9}{:>9}   {:>9}{:>9}  us\n", "task",
             "jobs", "missed", "by host", "dropped", "past slot", "p50", "p99", "p99.9", "max",
             "late p99", "handed");
  for (const auto& task : row["tasks"]) {
    fmt::print("  {:<14}{:>7}{:>8}{:>8}{:>8}{:>10}", task["task"].get<std::string>(),
               task["jobs"].get<int>(), task["missed"].get<int>(),
               task["missed_by_the_host"].get<int>(), task["dropped"].get<int>(),
               task["after_slot"].is_null() ? "-" : task["after_slot"].dump());
    if (!task["response_us"].is_null()) {
      const auto& response = task["response_us"];
      fmt::print("   {:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}   {:>9.1f}{:>9.1f}",
                 response["p50"].get<double>(), response["p99"].get<double>(),
                 response["p99_9"].get<double>(), response["max"].get<double>(),
                 task["late_us"]["p99"].get<double>(),
                 task["handed_over_late_us"]["p99"].get<double>());
    }
    fmt::print("\n");
  }
}

// ---- record and replay
// ---------------------------------------------------------------------------

/// How many jobs of one run are not in the other, decided otherwise, or computed other bytes.
ordered_json compare_runs(const run_log& one, const run_log& other) {
  using key = std::pair<int, std::int64_t>;
  struct value {
    const job_log* job;
    const std::uint32_t* result;
  };
  const auto index = [](const run_log& log) {
    std::map<key, value> all;
    const std::uint32_t* next = log.kept.data();
    for (const job_log& job : log.jobs) {
      if (job.dropped) continue;
      all[{job.job.task, job.sequence}] = {&job, next};
      next += result_words;
    }
    return all;
  };
  const auto first = index(one), second = index(other);
  std::size_t both = 0, decisions = 0, results_differ = 0;
  for (const auto& [name, mine] : first) {
    const auto found = second.find(name);
    if (found == second.end()) continue;
    ++both;
    decisions += mine.job->consumed != found->second.job->consumed;
    results_differ += !std::equal(mine.result, mine.result + result_words, found->second.result);
  }
  return {{"jobs", both},
          {"in_one_run_only", first.size() + second.size() - 2 * both},
          {"decisions_differ", decisions},
          {"results_differ", results_differ}};
}

ordered_json replay_row(const workload& all, const recording& recorded, const policy& again,
                        bool by_arrival, double recorded_seconds) {
  runner who(all, again);
  const run_log log =
      who.replay(recorded, {.keep_results = true, .consume_by_arrival = by_arrival});
  return {{"replayed", again.name},       {"by_arrival", by_arrival},
          {"jobs", recorded.jobs.size()}, {"different", count_differences(recorded, log.kept)},
          {"seconds", log.seconds},       {"recorded_seconds", recorded_seconds}};
}

void print_replay(const ordered_json& row) {
  fmt::print("  recorded under {:<18} replayed under {:<18}{}: {} of {} results differ, {:.3f} s\n",
             row.value("recorded", "?"), row["replayed"].get<std::string>(),
             row["by_arrival"] ? ", by arrival" : "", row["different"].get<int>(),
             row["jobs"].get<int>(), row["seconds"].get<double>());
}

/// Two live runs of every policy, and the first one replayed under all of them; background work all
/// the time. Throws if a replay by the recording differs.
void measure_replays(const workload& all, background& noise, const choice& chosen,
                     ordered_json& out) {
  const std::int64_t length_us = schedule::hyperperiod_us(timings(all));
  const run_options live{.hyperperiods = chosen.recorded(length_us), .keep_results = true};
  const double recorded_seconds = double(live.hyperperiods) * double(length_us) * 1e-6;
  out["live_twice"] = ordered_json::array();
  out["replays"] = ordered_json::array();
  std::size_t wrong = 0;
  noise.start();
  for (const policy& how : policies) {
    try {
      runner who(all, how);
      who.run({.hyperperiods = 1, .paced = false});
      const run_log first = who.run(live), second = who.run(live);
      ordered_json twice{{"policy", how.name}};
      twice.update(compare_runs(first, second));
      fmt::print("\n{}, live twice: {} of {} jobs decided otherwise, {} results differ\n", how.name,
                 twice["decisions_differ"].get<int>(), twice["jobs"].get<int>(),
                 twice["results_differ"].get<int>());
      out["live_twice"].push_back(twice);

      const recording recorded = who.record(first);
      if (&how == &policies[0] && !chosen.record.empty()) {
        std::ofstream file(chosen.record, std::ios::binary);
        save(recorded, file);
      }
      for (const bool by_arrival : {false, true}) {
        for (const policy& again : policies) {
          if (by_arrival && (again.by_table || how.by_table)) continue;  // one example will do
          ordered_json row{{"recorded", how.name}};
          row.update(replay_row(all, recorded, again, by_arrival, recorded_seconds));
          if (!by_arrival) wrong += row["different"].get<std::size_t>();
          print_replay(row);
          out["replays"].push_back(row);
        }
      }
    } catch (const schedule::infeasible& reason) {
      fmt::print("\n{}: no table: {}\n", how.name, reason.what());
    }
  }
  noise.stop();
  if (wrong > 0) throw std::runtime_error(fmt::format("{} replayed results differ", wrong));
}

/// A file that was recorded before.
ordered_json replay_file(const workload& all, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  const recording recorded = load_recording(file);
  ordered_json rows = ordered_json::array();
  for (const policy& again : policies) {
    try {
      ordered_json row{{"recorded", path}};
      row.update(replay_row(all, recorded, again, false, 0));
      print_replay(row);
      rows.push_back(row);
    } catch (const schedule::infeasible& reason) {
      fmt::print("  {}: no table: {}\n", again.name, reason.what());
    }
  }
  return rows;
}

ordered_json measure(const choice& chosen) {
  workload all = chosen.tasks.empty() ? vehicle() : read_workload(chosen.tasks);
  const std::int64_t length_us = schedule::hyperperiod_us(timings(all));
  const ordered_json host = measure_host(chosen.quick);
  fmt::print("\n  {:<14}{:>8}{:>9}   {:>14}   {:>14}   {:>14}   {:>6}  us; p50, p99\n", "alone",
             "period", "deadline", "calls", "on the device", "whole", "budget");
  const ordered_json costs = measure_costs(all, chosen.quick);
  fmt::print("  {:.1f}% of the device, by their budgets; they repeat after {} us\n",
             100 * schedule::utilisation(timings(all)), length_us);

  ordered_json results{
      {"context", describe_study()}, {"host", host},
      {"tasks", json_of(all)},       {"costs", costs},
      {"hyperperiod_us", length_us}, {"utilisation", schedule::utilisation(timings(all))}};
  if (!chosen.replay.empty()) {
    results["replays"] = replay_file(all, chosen.replay);
    return results;
  }
  background noise;
  results["background"] = {{"kernel_us", noise.kernel_us()},
                           {"block_us", background::wave_us},
                           {"copy_bytes", background::copy_bytes},
                           {"pause_us", background::pause_us},
                           {"bursts_per_launch", background::bursts_per_launch}};
  results["runs"] = ordered_json::array();
  for (background* with : {static_cast<background*>(nullptr), &noise}) {
    for (const policy& how : policies) {
      results["runs"].push_back(measure_policy(all, how, with, chosen.hyperperiods(length_us)));
      print(results["runs"].back());
      std::fflush(stdout);
    }
  }
  fmt::print(
      "\nThe maxima are what was seen, not what can happen: other clients of the GPU and of "
      "the bus, clocks that change, corrected memory errors and a host without real-time "
      "guarantees can each make a later run slower.\n");
  measure_replays(all, noise, chosen, results);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  choice chosen;
  return run_study(
      argc, argv,
      "Periodic tasks with deadlines under several policies: response times, misses, replays. "
      "Takes "
      "under two minutes.",
      [&] { return measure(chosen); },
      [&](CLI::App& app) {
        app.add_flag("--quick", chosen.quick, "Short runs: whether it works, not how it responds");
        app.add_option("--seconds", chosen.seconds, "Of every run")->check(CLI::Range(0.1, 3600.0));
        app.add_option("--tasks", chosen.tasks, "Your own, as JSON: docs/schedule.md");
        app.add_option("--record", chosen.record, "Write the recording of the first policy here");
        app.add_option("--replay", chosen.replay, "Only replay this recording under all policies");
      });
}
