// SPDX-License-Identifier: Apache-2.0
//
// Periodic tasks, and the table that says when each of their jobs may have the device: a cyclic
// executive (Baker and Shaw, "The cyclic executive model and Ada", 1988), computed before anything
// runs. No CUDA in here: what a job enqueues is the caller's business. docs/schedule.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace warpladder::schedule {

/// Work that comes back. Times in microseconds, priority 0 is the most urgent.
struct task {
  std::string name;
  std::int64_t period_us = 0;
  std::int64_t phase_us = 0;     ///< when its first job is released, less than the period
  std::int64_t deadline_us = 0;  ///< of a job, counted from its release; at most the period
  std::int64_t cost_us = 0;      ///< what one job is given: a budget, see budget_us
  int priority = 0;
};

/// A job of one hyperperiod, and when the device is its own.
struct slot {
  int task = 0;   ///< index into the tasks
  int place = 0;  ///< the how many-th job of its task, from 0
  std::int64_t release_us = 0, deadline_us = 0;
  std::int64_t start_us = 0, end_us = 0;
};

/// What repeats every `length_us`.
struct table {
  std::int64_t length_us = 0;
  std::vector<slot> slots;  ///< in the order of their starts
};

/// `count` slots from `first` on, one behind the other, all released when the first one starts: one
/// launch can start them all.
struct stretch {
  std::size_t first = 0, count = 0;
};

/// These tasks have no table in which every job meets its deadline, or none was found.
class infeasible : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// More jobs than this in a hyperperiod, and nobody will read the table.
inline constexpr std::int64_t most_jobs = 1'000'000;

namespace detail {

/// Least common multiple of the periods, or 0 if that many microseconds do not fit into 64 bits.
inline std::int64_t common_period(std::span<const task> tasks) {
  std::int64_t length = 1;
  for (const task& each : tasks) {
    const std::int64_t factor = each.period_us / std::gcd(length, each.period_us);
    if (length > std::numeric_limits<std::int64_t>::max() / factor) return 0;
    length *= factor;
  }
  return length;
}

}  // namespace detail

/// What is wrong with these tasks, in words; empty if nothing is.
inline std::string explain_invalid(std::span<const task> tasks) {
  if (tasks.empty()) return "there are no tasks";
  for (const task& each : tasks) {
    const auto wrong = [&](const char* what) { return each.name + ": " + what; };
    if (each.period_us <= 0) return wrong("the period is not positive");
    if (each.phase_us < 0 || each.phase_us >= each.period_us)
      return wrong("the phase is not in [0, period)");
    if (each.deadline_us <= 0 || each.deadline_us > each.period_us)
      return wrong("the deadline is not in (0, period]");
    if (each.cost_us < 0) return wrong("the cost is negative");
    if (each.priority < 0) return wrong("the priority is negative");
  }
  const std::int64_t length = detail::common_period(tasks);
  if (length == 0) return "the hyperperiod overflows: choose periods with a small common multiple";
  std::int64_t jobs = 0;
  for (const task& each : tasks) {
    if (length / each.period_us > most_jobs - jobs)
      return "a hyperperiod of " + std::to_string(length) + " us has more than " +
             std::to_string(most_jobs) + " jobs: choose periods with a small common multiple";
    jobs += length / each.period_us;
  }
  return {};
}

/// Least common multiple of the periods: after it everything repeats. Throws std::invalid_argument
/// unless the tasks are valid.
inline std::int64_t hyperperiod_us(std::span<const task> tasks) {
  if (const std::string wrong = explain_invalid(tasks); !wrong.empty())
    throw std::invalid_argument(wrong);
  return detail::common_period(tasks);
}

/// What budget_us adds to the median.
struct margin {
  double factor = 1.25;
  double spare_us = 10;
};

/// The time to give a job in a table: the median of `observed_us`, times a factor, and some
/// microseconds, rounded up. A budget and no worst case: some jobs will take longer, and then those
/// behind them start late until the next gap of the table. The median, since one hiccup of the host
/// among the measurements would otherwise be paid for in every slot. Throws std::invalid_argument
/// if nothing was observed, or anything that is not a time.
inline std::int64_t budget_us(std::vector<double> observed_us, margin allow = {}) {
  if (observed_us.empty()) throw std::invalid_argument("a budget needs observations");
  for (const double each : observed_us)
    if (!std::isfinite(each) || each < 0) throw std::invalid_argument("an observation is no time");
  const auto middle = observed_us.begin() + std::ptrdiff_t((observed_us.size() - 1) / 2);
  std::ranges::nth_element(observed_us, middle);
  return std::int64_t(std::ceil(*middle * allow.factor + allow.spare_us));
}

/// The part of the time that the tasks need; above 1 nothing helps.
inline double utilisation(std::span<const task> tasks) {
  double sum = 0;
  for (const task& each : tasks) sum += double(each.cost_us) / double(each.period_us);
  return sum;
}

/// All jobs of a hyperperiod in the order of their releases, of equal ones as the tasks stand: what
/// a dispatcher without a table does. Start is release. Throws like hyperperiod_us.
inline table releases(std::span<const task> tasks) {
  table all{hyperperiod_us(tasks), {}};
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const task& each = tasks[i];
    for (std::int64_t n = 0; n < all.length_us / each.period_us; ++n) {
      const std::int64_t at = each.phase_us + n * each.period_us;
      all.slots.push_back({int(i), int(n), at, at + each.deadline_us, at, at + each.cost_us});
    }
  }
  std::ranges::stable_sort(all.slots, {}, &slot::release_us);
  return all;
}

/// One job at a time, none interrupted: whenever the device is free, of the released jobs the one
/// with the earliest deadline (EDF: Liu and Layland, 1973). EDF is optimal if jobs may be
/// interrupted; without that, a table can exist that this does not find: change a phase, or split
/// the longest job. Throws std::invalid_argument for invalid tasks, and infeasible with the reason.
inline table build_table(std::span<const task> tasks) {
  const table due = releases(tasks);
  const auto refuse = [](const std::string& why) { throw infeasible(why); };
  std::int64_t needed_us = 0;
  for (const slot& job : due.slots) needed_us += job.end_us - job.start_us;
  if (needed_us > due.length_us)
    refuse("utilisation above 1: the jobs of " + std::to_string(due.length_us) + " us need " +
           std::to_string(needed_us) + " us");

  using urgency = std::tuple<std::int64_t, int, std::size_t>;  // deadline, priority, index in `due`
  std::set<urgency> ready;
  table result{due.length_us, {}};
  std::int64_t now = 0;
  for (std::size_t next = 0; next < due.slots.size() || !ready.empty();) {
    if (ready.empty()) now = std::max(now, due.slots[next].release_us);
    for (; next < due.slots.size() && due.slots[next].release_us <= now; ++next) {
      const slot& job = due.slots[next];
      ready.insert({job.deadline_us, tasks[std::size_t(job.task)].priority, next});
    }
    slot job = due.slots[std::get<2>(*ready.begin())];
    ready.erase(ready.begin());
    const task& owner = tasks[std::size_t(job.task)];
    job.start_us = now;
    now = job.end_us = now + owner.cost_us;
    if (job.end_us > job.deadline_us)
      refuse(owner.name + ", job " + std::to_string(job.place) + ": released at " +
             std::to_string(job.release_us) + " us, could start at " +
             std::to_string(job.start_us) + " us and would end " +
             std::to_string(job.end_us - job.deadline_us) + " us after its deadline");
    result.slots.push_back(job);
  }
  if (now > result.length_us + result.slots.front().start_us)
    refuse("the last job ends at " + std::to_string(now) +
           " us, when the next hyperperiod has begun: make phases smaller");
  return result;
}

/// The stretches of a table: a job joins the one before it if it starts when that ends and has been
/// released when the stretch starts, so that its input is there.
inline std::vector<stretch> stretches(const table& of) {
  std::vector<stretch> all;
  for (std::size_t i = 0; i < of.slots.size(); ++i) {
    const bool joins = !all.empty() && of.slots[i].start_us == of.slots[i - 1].end_us &&
                       of.slots[i].release_us <= of.slots[all.back().first].start_us;
    if (joins) {
      ++all.back().count;
    } else {
      all.push_back({i, 1});
    }
  }
  return all;
}

}  // namespace warpladder::schedule
