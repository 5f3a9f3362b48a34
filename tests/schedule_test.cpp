// SPDX-License-Identifier: Apache-2.0
//
// Tables of periodic tasks; recordings; and that a replay gives the bytes of the live run, which
// are those of a second implementation on the CPU, whatever the policy and the order of the
// streams.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <schedule_study/recording.hpp>
#include <schedule_study/runner.hpp>
#include <schedule_study/workload.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>
#include <warpladder/schedule.hpp>

#include "support/backend.hpp"

namespace warpladder::test {
namespace {

using namespace bench;
using schedule::task;

task periodic(const char* name, std::int64_t period_us, std::int64_t cost_us) {
  return {.name = name, .period_us = period_us, .deadline_us = period_us, .cost_us = cost_us};
}

// ---- tables
// --------------------------------------------------------------------------------------

TEST(Schedule, refuses_invalid_tasks_with_the_reason) {
  const auto why = [](const std::function<void(task&)>& spoil) {
    std::vector<task> tasks{periodic("one", 100, 1), periodic("two", 200, 1)};
    spoil(tasks[1]);
    return schedule::explain_invalid(tasks);
  };
  EXPECT_EQ(why([](task&) {}), "");
  EXPECT_EQ(why([](task& t) { t.period_us = 0; }), "two: the period is not positive");
  EXPECT_EQ(why([](task& t) { t.phase_us = 200; }), "two: the phase is not in [0, period)");
  EXPECT_EQ(why([](task& t) { t.phase_us = -1; }), "two: the phase is not in [0, period)");
  EXPECT_EQ(why([](task& t) { t.deadline_us = 201; }), "two: the deadline is not in (0, period]");
  EXPECT_EQ(why([](task& t) { t.deadline_us = 0; }), "two: the deadline is not in (0, period]");
  EXPECT_EQ(why([](task& t) { t.cost_us = -1; }), "two: the cost is negative");
  EXPECT_EQ(why([](task& t) { t.priority = -1; }), "two: the priority is negative");
  EXPECT_EQ(schedule::explain_invalid({}), "there are no tasks");
  EXPECT_THROW(schedule::build_table({}), std::invalid_argument);
}

TEST(Schedule, knows_the_hyperperiod_and_when_there_is_none) {
  const std::vector<task> usual{periodic("a", 4000, 1), periodic("b", 10000, 1),
                                periodic("c", 5000, 1)};
  EXPECT_EQ(schedule::hyperperiod_us(usual), 20000);
  // Primes near 2^31: three of them do not fit into 64 bits.
  const std::vector<task> primes{periodic("a", 2147483647, 1), periodic("b", 2147483629, 1),
                                 periodic("c", 2147483587, 1)};
  EXPECT_NE(schedule::explain_invalid(primes).find("overflows"), std::string::npos);
  EXPECT_THROW(schedule::hyperperiod_us(primes), std::invalid_argument);
  const std::vector<task> coprime{periodic("a", 999983, 1), periodic("b", 1000003, 1)};
  EXPECT_NE(schedule::explain_invalid(coprime).find("more than"), std::string::npos);
}

TEST(Schedule, takes_the_earliest_deadline_first) {
  std::vector<task> tasks{periodic("slow", 100, 30), periodic("fast", 50, 10)};
  const schedule::table found = schedule::build_table(tasks);
  ASSERT_EQ(found.slots.size(), 3u);
  EXPECT_EQ(found.slots[0].task, 1);
  EXPECT_EQ(found.slots[1].task, 0);
  EXPECT_EQ(found.slots[1].start_us, 10);
  EXPECT_EQ(found.slots[2].start_us, 50) << "not before its release";
}

TEST(Schedule, budgets_are_the_median_with_a_margin) {
  EXPECT_EQ(schedule::budget_us({100}), 135);
  EXPECT_EQ(schedule::budget_us({100, 300, 200}), 260);
  EXPECT_EQ(schedule::budget_us({100, 400, 200, 300}), 260) << "of two in the middle the lower one";
  EXPECT_EQ(schedule::budget_us({100, 100, 100, 9000}), 135) << "one hiccup is not paid for";
  EXPECT_EQ(schedule::budget_us({10.1}, {.factor = 1, .spare_us = 0}), 11) << "rounded up";
  EXPECT_EQ(schedule::budget_us({0}, {.factor = 2, .spare_us = 0}), 0);
  EXPECT_THROW(schedule::budget_us({}), std::invalid_argument);
  EXPECT_THROW(schedule::budget_us({1, -1}), std::invalid_argument);
  EXPECT_THROW(schedule::budget_us({1, std::nan("")}), std::invalid_argument);
}

TEST(Schedule, refuses_infeasible_tasks_with_the_reason) {
  const auto why = [](const std::vector<task>& tasks) -> std::string {
    try {
      schedule::build_table(tasks);
    } catch (const schedule::infeasible& reason) {
      return reason.what();
    }
    return "accepted";
  };
  EXPECT_EQ(why({periodic("a", 10, 5), periodic("b", 20, 10)}), "accepted") << "all of the time";
  EXPECT_EQ(why({periodic("a", 10, 5), periodic("b", 20, 11)}),
            "utilisation above 1: the jobs of 20 us need 21 us");
  // A job that cannot be interrupted stands in the way of a short deadline.
  task urgent = periodic("urgent", 100, 10);
  urgent.phase_us = 5, urgent.deadline_us = 20;
  EXPECT_EQ(why({periodic("long", 100, 50), urgent}),
            "urgent, job 0: released at 5 us, could start at 50 us and would end 35 us after its "
            "deadline");
  // Its deadline is in the next hyperperiod, where the first job has the device already.
  task late = periodic("late", 100, 30);
  late.phase_us = 90;
  EXPECT_NE(why({periodic("early", 100, 50), late}).find("next hyperperiod has begun"),
            std::string::npos);
}

TEST(Schedule, tables_of_random_tasks_hold_what_they_promise) {
  std::mt19937 random(1);
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
  };
  constexpr std::int64_t periods[] = {100, 200, 250, 400, 500, 1000};
  int feasible = 0, refused = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<task> tasks;
    for (std::int64_t i = pick(1, 6); i > 0; --i) {
      task one = periodic("task", periods[pick(0, 5)], 0);
      one.phase_us = pick(0, 1) * pick(0, one.period_us - 1);
      one.deadline_us = pick(one.period_us / 2, one.period_us);
      one.cost_us = pick(0, one.period_us / 4);
      one.priority = int(pick(0, 3));
      tasks.push_back(one);
    }
    schedule::table found;
    try {
      found = schedule::build_table(tasks);
    } catch (const schedule::infeasible&) {
      ++refused;
      continue;
    }
    ++feasible;
    std::map<std::pair<int, int>, int> seen;
    for (std::size_t i = 0; i < found.slots.size(); ++i) {
      const schedule::slot& job = found.slots[i];
      const task& owner = tasks[std::size_t(job.task)];
      ++seen[{job.task, job.place}];
      EXPECT_EQ(job.release_us, owner.phase_us + job.place * owner.period_us);
      EXPECT_GE(job.start_us, job.release_us);
      EXPECT_EQ(job.end_us, job.start_us + owner.cost_us);
      EXPECT_LE(job.end_us, job.release_us + owner.deadline_us);
      const std::int64_t free_until = i + 1 < found.slots.size()
                                          ? found.slots[i + 1].start_us
                                          : found.length_us + found.slots.front().start_us;
      EXPECT_LE(job.end_us, free_until) << "two jobs at once";
    }
    std::int64_t jobs = 0;
    for (const task& each : tasks) jobs += found.length_us / each.period_us;
    EXPECT_EQ(std::int64_t(found.slots.size()), jobs);
    EXPECT_EQ(std::int64_t(seen.size()), jobs) << "a job is missing, another one there twice";

    std::size_t covered = 0;
    for (const auto& [first, count] : schedule::stretches(found)) {
      EXPECT_EQ(first, covered);
      for (std::size_t i = first; i < first + count; ++i)
        EXPECT_LE(found.slots[i].release_us, found.slots[first].start_us);
      covered += count;
    }
    EXPECT_EQ(covered, found.slots.size());
  }
  EXPECT_GT(feasible, 50);
  EXPECT_GT(refused, 50);
}

// ---- recordings
// ----------------------------------------------------------------------------------

/// Small enough for the host, with two levels of consumers. `side`: of the largest frame.
workload small_vehicle(std::uint32_t side = 40) {
  workload all{{periodic("camera", 400, 40), side, 24, 2, {}},
               {periodic("lidar", 1000, 60), side / 2, side, 3, {}},
               {periodic("fusion", 500, 30), 33, 5, 1, {0, 1}},
               {periodic("control", 200, 10), 16, 4, 2, {2}}};
  all[2].timing.phase_us = 130;
  all[2].timing.priority = 1;
  all[3].timing.deadline_us = 180;
  return all;
}

recording by_hand() {
  recording result{.workload = fingerprint(small_vehicle()), .payloads = {}, .jobs = {}};
  for (const task_chain& each : small_vehicle())
    result.payloads.emplace_back(each.bytes(), std::uint8_t(7));
  result.jobs = {{.task = 0, .payload = 0, .sequence = 0},
                 {.task = 2, .payload = 2, .sequence = 0, .consumed = {0, -1, -1, -1}},
                 {.task = 0, .payload = 0, .sequence = 2}};
  return result;
}

std::string bytes_of(const recording& what) {
  std::ostringstream out;
  save(what, out);
  return out.str();
}

std::string why_not_loaded(const std::string& bytes) {
  std::istringstream in(bytes);
  try {
    load_recording(in);
  } catch (const bad_recording& reason) {
    return reason.what();
  }
  return "loaded";
}

TEST(Recording, survives_a_round_trip) {
  const std::string bytes = bytes_of(by_hand());
  std::istringstream in(bytes);
  const recording back = load_recording(in);
  EXPECT_NO_THROW(check(back, small_vehicle()));
  EXPECT_EQ(back.jobs[1].consumed, by_hand().jobs[1].consumed);
  EXPECT_EQ(bytes_of(back), bytes);
}

TEST(Recording, is_refused_when_truncated_or_changed) {
  const std::string good = bytes_of(by_hand());
  EXPECT_EQ(why_not_loaded(good), "loaded");
  EXPECT_EQ(why_not_loaded(""), "this is no recording, or one of another version");
  EXPECT_EQ(why_not_loaded("any other file"), "this is no recording, or one of another version");
  for (std::size_t length = 8; length < good.size(); ++length)
    ASSERT_EQ(why_not_loaded(good.substr(0, length)), "the recording is truncated") << length;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = char(bad[i] ^ 0x10);
    ASSERT_NE(why_not_loaded(bad), "loaded") << "byte " << i;
  }
  EXPECT_EQ(why_not_loaded(good + "x"), "the recording is corrupted: something follows it");
}

TEST(Recording, is_refused_when_it_cannot_be_replayed) {
  const auto why = [](const std::function<void(recording&)>& spoil) -> std::string {
    recording one = by_hand();
    spoil(one);
    try {
      check(one, small_vehicle());
    } catch (const bad_recording& reason) {
      return reason.what();
    }
    return "fine";
  };
  EXPECT_EQ(why([](recording&) {}), "fine");
  EXPECT_EQ(why([](recording& r) { ++r.workload; }),
            "the recording was made with another workload");
  EXPECT_EQ(why([](recording& r) { r.jobs[1].task = 4; }),
            "job 1 of the recording has an unknown task");
  EXPECT_EQ(why([](recording& r) { r.jobs[1].payload = 0; }),
            "job 1 of the recording has no frame of its size");
  EXPECT_EQ(why([](recording& r) { r.jobs[1].payload = 99; }),
            "job 1 of the recording has no frame of its size");
  EXPECT_EQ(why([](recording& r) { r.jobs[2].sequence = 0; }),
            "job 2 of the recording is out of sequence");
  const std::string absent =
      "job 1 of the recording consumes a result that is not there: later, dropped or overwritten";
  EXPECT_EQ(why([](recording& r) { r.jobs[1].consumed[0] = 1; }), absent);
  EXPECT_EQ(why([](recording& r) { r.jobs[1].consumed[1] = 0; }), absent);
  EXPECT_EQ(why([](recording& r) {
              r.jobs[0].sequence = 5;
              r.jobs.pop_back();
            }),
            absent);
}

// ---- replays
// -------------------------------------------------------------------------------------

/// What the recording must give, by plain loops over its jobs.
results computed_on_the_host(const recording& what, const workload& all) {
  results every;
  std::vector<std::map<std::int64_t, std::vector<std::uint32_t>>> counts(all.size());
  std::vector<std::vector<float>> states(all.size(), std::vector<float>(classes));
  const std::int64_t length = schedule::hyperperiod_us(timings(all));
  for (const recorded_job& job : what.jobs) {
    const task_chain& chain = all[std::size_t(job.task)];
    const int width = int(chain.width), height = int(chain.height);
    std::vector<std::uint8_t> frame = what.payloads[job.payload];
    frame_header header{job.sequence, job.time_us, {-1, -1, -1, -1}};
    for (std::size_t c = 0; c < chain.consumes.size(); ++c) {
      const std::int64_t places = length / all[std::size_t(chain.consumes[c])].timing.period_us;
      if (job.consumed[c] >= 0) header.place[c] = std::int32_t(job.consumed[c] % places);
    }
    std::memcpy(frame.data(), &header, sizeof header);

    std::vector<std::uint8_t> smooth = frame;
    for (int pass = 0; pass < chain.passes; ++pass) {
      const std::vector<std::uint8_t> from = smooth;
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
          int sum = 8;
          for (int dy = -1; dy <= 1; ++dy)
            for (int dx = -1; dx <= 1; ++dx)
              sum += (2 - std::abs(dx)) * (2 - std::abs(dy)) *
                     from[std::size_t(std::clamp(y + dy, 0, height - 1) * width +
                                      std::clamp(x + dx, 0, width - 1))];
          smooth[std::size_t(y * width + x)] = std::uint8_t(sum / 16);
        }
    }
    std::vector<std::uint32_t> result(result_words);
    for (std::size_t i = 0; i < frame.size(); ++i) ++result[std::uint8_t(frame[i] - smooth[i])];
    if (!chain.consumes.empty()) {
      for (std::size_t i = 0; i < classes; ++i) {
        float sum = 0;
        for (std::size_t c = 0; c < chain.consumes.size(); ++c)
          if (job.consumed[c] >= 0)
            sum += float(counts[std::size_t(chain.consumes[c])].at(job.consumed[c])[i]);
        float& state = states[std::size_t(job.task)][i];
        state = std::fmaf(0.875f, state, 0.125f * sum);
        std::memcpy(&result[classes + i], &state, sizeof state);
      }
    }
    counts[std::size_t(job.task)][job.sequence] = result;
    every.insert(every.end(), result.begin(), result.end());
  }
  return every;
}

constexpr int hyperperiods = 2;
constexpr std::size_t jobs_per_hyperperiod = 5 + 2 + 4 + 10;
constexpr run_options quickly{.hyperperiods = hyperperiods, .paced = false, .keep_results = true};

#define SKIP_WITHOUT_DEVICE \
  if (!why_no_device().empty()) GTEST_SKIP() << why_no_device()

class RecordedUnder : public ::testing::TestWithParam<std::size_t> {};  // index of a policy

TEST_P(RecordedUnder, replays_give_the_bytes_of_the_live_run) {
  SKIP_WITHOUT_DEVICE;
  const workload all = small_vehicle();
  for_each_stream_schedule(8, [&](const std::string& order) {
    SCOPED_TRACE(order);
    runner recorder(all, policies[GetParam()]);
    const run_log original = recorder.run(quickly);
    ASSERT_EQ(original.jobs.size(), hyperperiods * jobs_per_hyperperiod);
    std::istringstream file(bytes_of(recorder.record(original)));
    const recording recorded = load_recording(file);
    EXPECT_EQ(original.kept, computed_on_the_host(recorded, all));
    EXPECT_EQ(count_differences(recorded, original.kept), 0u);
    for (const policy& again : policies) {
      const run_log replayed = runner(all, again).replay(recorded, quickly);
      EXPECT_EQ(replayed.kept, original.kept) << "replayed under " << again.name;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Replay, RecordedUnder,
                         ::testing::Range(std::size_t{0}, std::size(policies)),
                         [](const auto& info) { return std::string(policies[info.param].name); });

TEST(Replay, by_a_table_needs_no_recording) {
  SKIP_WITHOUT_DEVICE;
  const workload all = small_vehicle();
  for (const policy& how : policies) {
    if (!how.by_table) continue;
    results first;
    for_each_stream_schedule(3, [&](const std::string& order) {
      const results found = runner(all, how).run(quickly).kept;
      if (first.empty()) first = found;
      EXPECT_EQ(found, first) << how.name << ", " << order;
    });
  }
}

// The same checks must see what they are for.

TEST(Replay, that_consumes_what_arrived_last_is_caught) {
  SKIP_WITHOUT_DEVICE;
  // Recorded with the newest results always there: one stream, in the order of the table. On a GPU
  // with frames that take a while.
  const workload all = small_vehicle(on_gpu ? 1024 : 40);
  runner recorder(all, policies[2]);
  const run_log original = recorder.run(quickly);
  const recording recorded = recorder.record(original);
  run_options careless = quickly;
  careless.consume_by_arrival = true;
  std::size_t different = 0;
  for_each_stream_schedule(8, [&](const std::string&) {
    const results found = runner(all, policies[0]).replay(recorded, careless).kept;
    EXPECT_EQ(found.size(), original.kept.size());
    different += count_differences(recorded, found);
  });
  EXPECT_GT(different, 0u);
}

TEST(Replay, with_float_atomics_is_caught) {
  SKIP_WITHOUT_DEVICE;
  const workload all = small_vehicle(on_gpu ? 1024 : 40);
  runner recorder(all, policies[2], true);
  const recording recorded = recorder.record(recorder.run(quickly));
  std::size_t different = 0;
  for_each_schedule(4, [&](const std::string&) {
    for (int run = 0; run < (on_gpu ? 4 : 1); ++run)
      different += count_differences(recorded, recorder.replay(recorded, quickly).kept);
  });
  EXPECT_GT(different, 0u);
}

TEST(Run, by_the_clock_loses_no_job_without_saying_so) {
  SKIP_WITHOUT_DEVICE;
  const workload all = small_vehicle();
  for (const policy& how : policies) {
    runner one(all, how);
    const run_log log = one.run({.hyperperiods = 20, .paced = true, .keep_results = true});
    EXPECT_EQ(log.jobs.size(), 20 * jobs_per_hyperperiod) << how.name;
    const std::size_t ran = std::size_t(
        std::ranges::count_if(log.jobs, [](const job_log& job) { return !job.dropped; }));
    EXPECT_EQ(log.kept.size(), ran * result_words) << how.name;
    const recording recorded = one.record(log);
    EXPECT_EQ(log.kept, computed_on_the_host(recorded, all)) << how.name;
  }
}

TEST(Run, refuses_what_it_cannot_run) {
  workload all = small_vehicle();
  all[2].consumes = {0, 7};
  EXPECT_EQ(bench::explain_invalid(all), "fusion: consumes an unknown task");
  all[2].consumes = {2};
  EXPECT_EQ(bench::explain_invalid(all), "fusion: consumes itself");
  all[2].consumes = {};
  all[2].passes = 0;
  EXPECT_EQ(bench::explain_invalid(all), "fusion: needs one pass at least");
  EXPECT_THROW(runner(all, policies[0]), std::invalid_argument);
  all = small_vehicle();
  all[0].timing.cost_us = 399;
  EXPECT_THROW(make_units(all, policies[2]), schedule::infeasible);
  EXPECT_NO_THROW(make_units(all, policies[0])) << "needs no table";
}

}  // namespace
}  // namespace warpladder::test
