// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <harness/context.hpp>
#include <harness/harness.hpp>
#include <harness/median.hpp>
#include <harness/nvml.hpp>
#include <harness/reporters.hpp>
#include <numeric>
#include <regex>
#include <string_view>
#include <warpladder/core/device.hpp>

namespace warpladder::bench {
namespace {

/// Kernels shorter than this may be held up by the host enqueueing them: replay them by a graph.
constexpr double short_kernel_seconds = 20e-6;
/// Building a graph costs the host a microsecond per node.
constexpr std::size_t max_graph_launches = 4096, usual_graph_launches = 256;

struct laboratory {
  options wanted;
  ceilings limits;
  nvml chip;
  stream on;
  std::size_t cases = 0, started = 0, failed = 0;
};

double coefficient_of_variation(const std::vector<double>& values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / double(values.size() - 1)) / mean;
}

/// The line that says what runs now; it makes room for the result where both are on one screen.
class progress {
 public:
  progress(const laboratory& lab, const std::string& name) {
    fmt::print(stderr, "[{}/{}] {} ...{}", lab.started, lab.cases, name, is_screen() ? "" : "\n");
  }
  ~progress() {
    if (is_screen()) fmt::print(stderr, "\r\033[K");
  }

 private:
  static bool is_screen() { return isatty(STDERR_FILENO) != 0; }
};

/// Graph replay if the mode says so; cold kernels of the usual sizes too, or the host would be
/// measured. Very many copies (tiny problems) do not fit into a graph: they stay launches.
bool replays_graph(mode how, const contest& match, double seconds) {
  if (how != mode::cold) return how == mode::graph;
  return seconds < short_kernel_seconds && match.copies <= max_graph_launches;
}

void measure(benchmark::State& state, const bench_case& wanted, laboratory& lab) {
  const contest match = wanted.prepare(lab.on);
  rotation copies{.copies = match.copies};
  workload vendor(match.vendor, copies, lab.on), rung(match.rung, copies, lab.on);

  const double batch_seconds = lab.wanted.batch_ms * 1e-3;
  std::size_t vendor_launches = vendor.launches_lasting(batch_seconds);
  std::size_t rung_launches = rung.launches_lasting(batch_seconds);
  const double faster = batch_seconds / double(std::max(vendor_launches, rung_launches));
  const bool by_graph = replays_graph(wanted.how, match, faster);
  if (by_graph) {
    vendor.use_graph(std::min(vendor_launches, usual_graph_launches));
    rung.use_graph(std::min(rung_launches, usual_graph_launches));
    vendor_launches = vendor.launches_lasting(batch_seconds);
    rung_launches = rung.launches_lasting(batch_seconds);
  }

  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + std::chrono::duration<double>(lab.wanted.case_seconds);
  std::vector<double> vendor_seconds, rung_seconds, ratios;
  for (auto _ : state) {
    // Google Benchmark's loop has a fixed count. Once the time is up the remaining rounds repeat
    // the median instead of measuring; the counter `pairs` says how many were measured.
    if (ratios.size() < 3 || clock::now() < deadline) {
      if (match.before_vendor) match.before_vendor();
      vendor_seconds.push_back(vendor.seconds_per_launch(vendor_launches) / match.repeats);
      rung_seconds.push_back(rung.seconds_per_launch(rung_launches) / match.repeats);
      ratios.push_back(vendor_seconds.back() / rung_seconds.back());
      state.SetIterationTime(rung_seconds.back());
    } else {
      state.SetIterationTime(median(rung_seconds));
    }
  }

  // One more batch, not timed, so that the chip is asked while it works.
  const std::size_t launches_per_batch = rung.enqueue(rung_launches);
  const chip_state chip = lab.chip.sample();
  lab.on.synchronize();

  const double seconds = median(rung_seconds);
  const double flops = match.flops / seconds, bytes = match.bytes / seconds;
  const double of_fma =
      flops / (match.flops_ceiling > 0 ? match.flops_ceiling : lab.limits.fma_flops_per_second);
  const bool only_reads = match.kind == traffic::read;
  const double of_memory =
      bytes / (only_reads ? lab.limits.read_bytes_per_second : lab.limits.copy_bytes_per_second);
  auto& counters = state.counters;
  counters["median_us"] = seconds * 1e6;
  counters["vendor_us"] = median(vendor_seconds) * 1e6;
  counters["vendor_ratio"] = median(ratios);
  counters["vendor_ratio_min"] = *std::min_element(ratios.begin(), ratios.end());
  counters["vendor_ratio_max"] = *std::max_element(ratios.begin(), ratios.end());
  counters["cv"] = coefficient_of_variation(rung_seconds);
  counters["ceiling_ratio"] =
      match.bound_seconds > 0 ? match.bound_seconds / seconds : std::max(of_fma, of_memory);
  counters["bound_us"] = match.bound_seconds * 1e6;
  counters["bound_by_memory"] = match.bound_seconds > 0 || of_memory > of_fma;
  counters["read_ceiling"] = only_reads;
  counters["flops_per_second"] = flops;
  counters["bytes_per_second"] = bytes;
  counters["pairs"] = double(ratios.size());
  counters["launches_per_batch"] = double(launches_per_batch);
  counters["copies"] = double(match.copies);
  counters["repeats"] = match.repeats;
  counters["graph"] = by_graph;
  if (chip.sm_clock_mhz) counters["sm_clock_mhz"] = *chip.sm_clock_mhz;
  if (chip.power_milliwatt) counters["power_w"] = *chip.power_milliwatt * 1e-3;
  if (chip.temperature_c) counters["temperature_c"] = *chip.temperature_c;
  if (chip.throttle_reasons) counters["throttle_reasons"] = double(*chip.throttle_reasons);
  state.SetLabel(match.label);
}

void run_case(benchmark::State& state, const bench_case& wanted, laboratory& lab) {
  ++lab.started;
  std::string error;
  {
    const progress line(lab, wanted.name);
    try {
      measure(state, wanted, lab);
    } catch (const std::exception& caught) {
      error = caught.what();
    }
  }
  if (error.empty()) return;
  ++lab.failed;
  fmt::print(stderr, "FAILED {}: {}\n", wanted.name, error);
  state.SkipWithError(error.c_str());
}

/// As Google Benchmark reads --benchmark_filter, but matched against the names as we give them.
std::vector<bench_case> filter(std::vector<bench_case> cases, std::string pattern) {
  if (pattern.empty() || pattern == "all") return cases;
  const bool excludes = pattern.front() == '-';
  const std::regex expression(pattern.substr(excludes));
  std::erase_if(cases, [&](const bench_case& one) {
    return std::regex_search(one.name, expression) == excludes;
  });
  return cases;
}

bool is_set(const std::string& flag) {
  return !flag.empty() && flag != "false" && flag != "0" && flag != "no";
}

int run_checked(int argc, char** argv, const topic& subject) {
  reporters report = make_reporters(argc, argv);
  const bool list_only = is_set(standard_flag("benchmark_list_tests", argc, argv));
  const std::string out_file = standard_flag("benchmark_out", argc, argv);
  const std::string repetitions = standard_flag("benchmark_repetitions", argc, argv);
  if (std::find(argv + 1, argv + argc, std::string_view("--help")) != argv + argc) {
    print_help(subject.help);
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  const options wanted = parse_options(argc, argv, subject.help);

#ifndef NDEBUG
  fmt::print(stderr,
             "This is a debug build; its times would mean nothing. Configure with "
             "-DCMAKE_BUILD_TYPE=Release.\n");
  return 2;
#endif
  int devices = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&devices);
      status != cudaSuccess || devices == 0) {
    fmt::print(stderr,
               "No GPU to measure on: {}.\nWithout one, `warpladder climb --backend host` runs the "
               "same kernels on the CPU and checks them.\n",
               status != cudaSuccess ? cudaGetErrorString(status) : "none is installed");
    return 2;
  }

  laboratory lab;
  lab.wanted = wanted;
  if (!list_only) fmt::print(stderr, "measuring the ceilings of this GPU ...\n");
  lab.limits = measure_ceilings(lab.on);
  const auto cases = filter(subject.cases(lab.wanted, lab.limits), benchmark::GetBenchmarkFilter());
  lab.cases = cases.size();
  if (cases.empty()) {
    fmt::print(stderr, "No case is left by these flags; --benchmark_list_tests lists the names.\n");
    return 2;
  }
  if (list_only) {
    for (const bench_case& one : cases) fmt::print("{}\n", one.name);
    return 0;
  }

  for (const bench_case& one : cases) {
    benchmark::RegisterBenchmark(one.name.c_str(),
                                 [&](benchmark::State& state) { run_case(state, one, lab); })
        ->UseManualTime()
        ->Iterations(lab.wanted.pairs)
        ->Unit(benchmark::kMicrosecond);
  }
  if (!repetitions.empty()) lab.cases *= std::stoul(repetitions);
  describe_run(lab.chip, lab.limits);
  subject.describe();
  fmt::print(stderr, "ceilings: {:.1f} TFLOP/s float32, {:.0f} GB/s copy, {:.0f} GB/s read\n",
             lab.limits.fma_flops_per_second * 1e-12, lab.limits.copy_bytes_per_second * 1e-9,
             lab.limits.read_bytes_per_second * 1e-9);
  benchmark::RunSpecifiedBenchmarks(report.display.get(),
                                    out_file.empty() ? nullptr : report.file.get(), "all");
  benchmark::Shutdown();
  if (lab.failed != 0) fmt::print(stderr, "{} of {} cases FAILED\n", lab.failed, lab.started);
  return lab.failed == 0 ? 0 : 1;
}

}  // namespace

std::size_t copies_for_cold_cache(std::size_t bytes) {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  return 2 * std::size_t(facts.l2_bytes) / bytes + 2;
}

int run(int argc, char** argv, const topic& subject) {
  try {
    return run_checked(argc, argv, subject);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}

}  // namespace warpladder::bench
