// SPDX-License-Identifier: Apache-2.0
//
// What barriers across a grid are made of, for A8 in docs/faq.md and docs/grid_sync.md:
//
//   soak         ten million verified barriers of warpladder::grid_barrier
//   parts        the same counter without release, without acquire, with both, in each way
//   wait         microseconds per barrier against the clocks before the first poll
//   straggler    one block that arrives 2 us late
//   oversubscribed  grids that fit and that do not, with the bounded barrier
//   refusal      what launch_resident says

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <grid_sync.hpp>
#include <grid_sync_study_kernels.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace {

namespace wl = warpladder;
using nlohmann::ordered_json;
using wl::bench::arrival, wl::bench::poll, wl::bench::product, wl::bench::study_barrier;
using wl::grid_sync::problem;

using launcher = std::function<cudaError_t(const problem&, cudaStream_t)>;

/// Device memory of all that runs here.
struct laboratory {
  wl::stream stream;
  wl::device_buffer<unsigned> word{32}, board{2 * 4096};
  wl::device_buffer<unsigned long long> wrong{1};
  wl::device_buffer<wl::grid_barrier_report> report{1};

  laboratory() { WARPLADDER_TRY(cudaMemset(word.data(), 0, word.size_bytes())); }

  /// Microseconds of one launch.
  double time(const launcher& launch, const problem& p) const {
    const wl::event begin(wl::event::timing::on), end(wl::event::timing::on);
    stream.record(begin);
    WARPLADDER_TRY(launch(p, stream));
    stream.record(end);
    end.synchronize();
    return wl::elapsed_ms(begin, end) * 1e3;
  }

  /// Microseconds per barrier: the median of several launches of 2000, after one to warm up.
  double time_barrier(const launcher& launch, problem p) const {
    p.rounds = 2000;
    std::vector<double> each;
    time(launch, p);
    for (int run = 0; run < 9; ++run) each.push_back(time(launch, p) / p.rounds);
    std::nth_element(each.begin(), each.begin() + 4, each.end());
    return each[4];
  }

  /// Wrong tokens of as many rounds as p says.
  unsigned long long count_wrong(const launcher& launch, problem p) const {
    p.board = board.data();
    p.wrong = wrong.data();
    WARPLADDER_TRY(cudaMemsetAsync(p.board, 0xff, board.size_bytes(), stream));
    WARPLADDER_TRY(cudaMemsetAsync(p.wrong, 0, wrong.size_bytes(), stream));
    WARPLADDER_TRY(launch(p, stream));
    unsigned long long count = 0;
    wl::copy_async<unsigned long long>({&count, 1}, wrong.view(), stream);
    stream.synchronize();
    return count;
  }
};

std::string grid_name(const problem& p) {
  return fmt::format("{}x{}", p.blocks, p.threads);
}

launcher launch_of(const laboratory& lab, const study_barrier& how) {
  return [&lab, how](const problem& p, cudaStream_t on) {
    return run_study_barrier(how, p, lab.word.data(), on);
  };
}

/// A rung of the ladder, by its step.
launcher launch_of_rung(const laboratory& lab, int step) {
  for (const auto& rung : wl::tables::grid_sync_rungs()) {
    if (rung.info.step == step)
      return [&lab, &rung](const problem& p, cudaStream_t on) {
        return rung.launch(p, on, {lab.word.data(), lab.word.size_bytes()});
      };
  }
  throw std::logic_error(fmt::format("there is no rung {}", step));
}

/// 08 patient is the class, and nothing else.
constexpr int step_of_the_class = 8;

ordered_json soak(const laboratory& lab) {
  ordered_json rows = ordered_json::array();
  fmt::print("{:<14} {:>12} {:>10} {:>10} {:>14}\n", "soak", "rounds", "late by", "seconds",
             "wrong tokens");
  for (const problem& p : {problem{.blocks = 132, .threads = 256, .rounds = 10'000'000},
                           problem{.blocks = 264, .threads = 1024, .rounds = 1'000'000}}) {
    // Half of them with blocks that are late, each by another time.
    for (const unsigned max_delay : {0u, 500u}) {
      problem half = p;
      half.rounds = p.rounds / 2;
      half.max_delay = max_delay;
      half.seed = 11;
      const wl::event begin(wl::event::timing::on), end(wl::event::timing::on);
      lab.stream.record(begin);
      const auto wrong = lab.count_wrong(launch_of_rung(lab, step_of_the_class), half);
      lab.stream.record(end);
      end.synchronize();
      const double seconds = wl::elapsed_ms(begin, end) * 1e-3;
      rows.push_back({{"grid", grid_name(p)},
                      {"rounds", half.rounds},
                      {"max_delay_clocks", max_delay},
                      {"seconds", seconds},
                      {"wrong_tokens", wrong}});
      fmt::print("{:<14} {:>12} {:>10} {:>10.2f} {:>14}\n", grid_name(p), half.rounds, max_delay,
                 seconds, wrong);
      if (wrong != 0) throw std::runtime_error("the barrier let wrong tokens pass");
    }
  }
  return rows;
}

constexpr problem grids[] = {{.blocks = 132, .threads = 256},
                             {.blocks = 132, .threads = 1024},
                             {.blocks = 264, .threads = 1024}};

ordered_json parts(const laboratory& lab) {
  struct part {
    const char* says;
    launcher launch;
    bool is_barrier;
  };
  const auto made = [&](arrival arrives, poll polls) {
    return launch_of(lab, {.arrives = arrives, .polls = polls});
  };
  const part all[] = {
      {"nothing is ordered", made(arrival::relaxed, poll::relaxed), false},
      {"release alone", made(arrival::release, poll::relaxed), false},
      {"acquire alone, one fence", made(arrival::relaxed, poll::fence), false},
      {"acquire alone, at every poll", made(arrival::relaxed, poll::acquire), false},
      {"release, acquire at every poll: 07", made(arrival::release, poll::acquire), true},
      {"release, one fence with acquire", made(arrival::release, poll::fence), true},
      {"the same after a wait: 08", launch_of_rung(lab, step_of_the_class), true},
      {"grid.sync()", launch_of_rung(lab, 0), true}};
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<36} {:>12} {:>12} {:>14}\n", "parts", "grid", "us/barrier", "wrong tokens");
  for (const part& one : all) {
    for (const problem& p : grids) {
      problem verified = p;
      verified.rounds = 100'000;
      const double us = lab.time_barrier(one.launch, p);
      const auto wrong = lab.count_wrong(one.launch, verified);
      rows.push_back({{"says", one.says},
                      {"is_barrier", one.is_barrier},
                      {"grid", grid_name(p)},
                      {"us", us},
                      {"rounds", verified.rounds},
                      {"wrong_tokens", wrong}});
      fmt::print("{:<36} {:>12} {:>12.3f} {:>14}\n", one.says, grid_name(p), us, wrong);
      if (one.is_barrier && wrong != 0)
        throw std::runtime_error(fmt::format("{} let wrong tokens pass", one.says));
    }
  }
  return rows;
}

ordered_json waits(const laboratory& lab) {
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<14} {:>12} {:>12}\n", "wait, clocks", "grid", "us/barrier");
  for (const problem& p : {problem{.blocks = 132, .threads = 32}, grids[0], grids[1],
                           problem{.blocks = 264, .threads = 256}, grids[2],
                           problem{.blocks = 1056, .threads = 256}}) {
    for (unsigned wait = 0; wait <= 1600; wait += wait < 800 ? 50 : 200) {
      const double us = lab.time_barrier(launch_of(lab, {.wait = wait}), p);
      rows.push_back({{"grid", grid_name(p)}, {"wait_clocks", wait}, {"us", us}});
      fmt::print("{:<14} {:>12} {:>12.3f}\n", wait, grid_name(p), us);
    }
    const double chosen = lab.time_barrier(launch_of_rung(lab, step_of_the_class), p);
    const unsigned wait = wl::bench::wait_of_grid_barrier(p);
    rows.push_back(
        {{"grid", grid_name(p)}, {"wait_clocks", wait}, {"us", chosen}, {"chosen", true}});
    fmt::print("{:<14} {:>12} {:>12.3f}  chosen\n", wait, grid_name(p), chosen);
  }
  return rows;
}

ordered_json stragglers(const laboratory& lab) {
  ordered_json rows = ordered_json::array();
  fmt::print("\n{:<24} {:>12} {:>12} {:>12}\n", "one block late by", "grid", "clocks",
             "us/barrier");
  const auto with = [&](product who, unsigned clocks) -> launcher {
    return [&lab, who, clocks](const problem& p, cudaStream_t on) {
      return run_with_straggler(who, clocks, p, lab.word.data(), on);
    };
  };
  for (const problem& p : {grids[0], grids[2]}) {
    for (const unsigned clocks : {0u, 1000u, 4000u}) {
      const struct {
        const char* name;
        launcher launch;
      } barriers[] = {{"grid.sync()", with(product::cooperative_groups, clocks)},
                      {"grid_barrier", with(product::grid_barrier, clocks)},
                      {"the same without a wait", launch_of(lab, {.straggler = clocks})}};
      for (const auto& [name, launch] : barriers) {
        WARPLADDER_TRY(cudaMemset(lab.word.data(), 0, lab.word.size_bytes()));
        const double us = lab.time_barrier(launch, p);
        rows.push_back(
            {{"barrier", name}, {"grid", grid_name(p)}, {"late_clocks", clocks}, {"us", us}});
        fmt::print("{:<24} {:>12} {:>12} {:>12.3f}\n", name, grid_name(p), clocks, us);
      }
    }
  }
  WARPLADDER_TRY(cudaMemset(lab.word.data(), 0, lab.word.size_bytes()));
  return rows;
}

/// The bounded barrier in launches that nothing refuses, and what launch_resident says to the same.
ordered_json oversubscription(const laboratory& lab) {
  constexpr unsigned threads = 1024, polls = 100'000;
  std::size_t fit = 0;
  WARPLADDER_TRY(wl::bench::bounded_resident_blocks(threads, fit));
  ordered_json rows = ordered_json::array();
  fmt::print("\n{} blocks of {} threads are resident at once\n", fit, threads);
  for (const std::size_t blocks : {fit / 2, fit, fit + 1, 2 * fit, 10 * fit}) {
    const problem p{.blocks = unsigned(blocks), .threads = threads};
    const double us = lab.time(
        [&](const problem& grid, cudaStream_t on) {
          return wl::bench::run_bounded(grid, polls, lab.word.data(), lab.report.data(), on);
        },
        p);
    wl::grid_barrier_report report{};
    wl::copy_async<wl::grid_barrier_report>({&report, 1}, lab.report.view(), lab.stream);
    lab.stream.synchronize();
    WARPLADDER_TRY(cudaMemset(lab.word.data(), 0, lab.word.size_bytes()));
    WARPLADDER_TRY(cudaMemset(lab.report.data(), 0, lab.report.size_bytes()));
    const cudaError_t says =
        wl::bench::refuse_or_run(p.blocks, threads, lab.word.data(), lab.report.data(), lab.stream);
    if (says != cudaSuccess) cudaGetLastError();
    lab.stream.synchronize();
    if ((report.given_up != 0) != (blocks > fit) || (says != cudaSuccess) != (blocks > fit))
      throw std::runtime_error(fmt::format("{} blocks: resident {}, given up {}, launch says {}",
                                           blocks, fit, report.given_up, cudaGetErrorName(says)));
    rows.push_back({{"grid", grid_name(p)},
                    {"resident", fit},
                    {"polls", polls},
                    {"ms", us * 1e-3},
                    {"given_up", report.given_up},
                    {"arrived", report.arrived},
                    {"report", explain(report)},
                    {"launch_resident", cudaGetErrorName(says)}});
    fmt::print("{:<14} {:>10.2f} ms  launch_resident: {}\n  {}\n", grid_name(p), us * 1e-3,
               cudaGetErrorName(says), report.given_up != 0 ? explain(report) : "opened");
  }
  WARPLADDER_TRY(cudaMemset(lab.word.data(), 0, lab.word.size_bytes()));
  return rows;
}

ordered_json measure() {
  const laboratory lab;
  ordered_json results{{"context", wl::bench::describe_study()}};
  results["soak"] = soak(lab);
  results["parts"] = parts(lab);
  results["waits"] = waits(lab);
  results["stragglers"] = stragglers(lab);
  results["oversubscription"] = oversubscription(lab);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  return wl::bench::run_study(
      argc, argv, "Measures what barriers across a grid are made of, and soaks the best of them.",
      measure);
}
