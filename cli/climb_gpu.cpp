// SPDX-License-Identifier: Apache-2.0
//
// Climbing on a GPU: the benchmark program measures, this one makes its results readable.

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gemm.hpp>
#include <gemm_shape.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <warpladder/core/device.hpp>
#include <warpladder/core/error.hpp>

#include "backend.hpp"
#include "commands.hpp"
#include "rungs.hpp"
#include "table.hpp"

namespace warpladder::cli {
namespace {

using nlohmann::ordered_json;

/// An empty file in the temporary folder, gone at the end of the scope.
class temporary_file {
 public:
  temporary_file() {
    std::string pattern = std::filesystem::temp_directory_path() / "warpladder_XXXXXX";
    const int descriptor = mkstemp(pattern.data());
    if (descriptor < 0)
      throw std::system_error(errno, std::generic_category(), "cannot make " + pattern);
    close(descriptor);
    path_ = pattern;
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a program to its end, its standard output thrown away (its progress goes to the standard
/// error). Returns its exit code, or 1 if a signal ended it.
int run_program(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program);
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw std::system_error(error, std::generic_category(), "cannot start " + program);

  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    fmt::print(stderr, "{} was ended by signal {}\n", program, WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/// One case of the benchmark, its name taken apart: gemm/f32/<rung>/<shape>[/<mode>].
struct result {
  std::string rung = {}, shape = {}, mode = {}, label = {}, error = {};
  double seconds = 0, flops_per_second = 0, ceiling_ratio = 0, vendor_ratio = 0;
  bool bound_by_memory = false;
};

std::vector<result> read_results(const ordered_json& report) {
  std::vector<result> all;
  for (const auto& run : report.at("benchmarks")) {
    if (run.value("run_type", "") != "iteration") continue;
    std::vector<std::string> parts(1);
    for (const char c : run.at("name").get<std::string>()) {
      if (c == '/')
        parts.emplace_back();
      else
        parts.back() += c;
    }
    if (parts.size() < 4) continue;
    result one{.rung = parts[2], .shape = parts[3], .mode = parts.size() > 4 ? parts[4] : "stream"};
    one.label = run.value("label", "");
    if (run.contains("median_us")) {
      one.seconds = run["median_us"].get<double>() * 1e-6;
      one.flops_per_second = run.value("flops_per_second", 0.0);
      one.ceiling_ratio = run.value("ceiling_ratio", 0.0);
      one.vendor_ratio = run.value("vendor_ratio", 0.0);
      one.bound_by_memory = run.value("bound_by_memory", 0.0) != 0;
    } else {  // Google Benchmark 1.7 and 1.8 differ in the name
      one.error = run.value("error_message", run.value("skip_message", "failed"));
    }
    all.push_back(one);
  }
  return all;
}

std::string readable_time(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.2f} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.3f} ms", seconds * 1e3) : fmt::format("{:.3f} s", seconds);
}

/// Time, rate, share of the ceiling, ratio; the last four cells of every row.
std::vector<std::string> figures(const result& one) {
  if (!one.error.empty()) return {"FAILED: " + one.error};
  return {readable_time(one.seconds), fmt::format("{:.2f}", one.flops_per_second * 1e-12),
          fmt::format("{:.1f}%{}", 100 * one.ceiling_ratio, one.bound_by_memory ? " m" : "  "),
          fmt::format("{:.2f}", one.vendor_ratio)};
}

const std::vector<table::column> figure_columns = {{"time", table::align::right},
                                                   {"TFLOP/s", table::align::right},
                                                   {"% ceiling  ", table::align::right},
                                                   {"x vendor", table::align::right}};

std::vector<std::string> joined(std::vector<std::string> cells,
                                const std::vector<std::string>& more) {
  cells.insert(cells.end(), more.begin(), more.end());
  return cells;
}

std::vector<table::column> joined(std::vector<table::column> cells,
                                  const std::vector<table::column>& more) {
  cells.insert(cells.end(), more.begin(), more.end());
  return cells;
}

/// Why a rung has no result at this shape.
std::string why_missing(const rung_entry<gemm::problem<float>>& rung, const std::string& shape,
                        const device_facts& device) {
  const std::string why_not = why_not_on(rung.info, device);
  if (!why_not.empty()) return why_not;
  const bench::gemm_shape sizes = bench::parse_gemm_shape(shape);
  gemm::problem<float> p;
  p.m = sizes.m, p.n = sizes.n, p.k = sizes.k, p.batch = sizes.batch;
  p.lda = sizes.k, p.ldb = sizes.n, p.ldc = sizes.n;
  p.stride_a = sizes.m * sizes.k, p.stride_b = sizes.k * sizes.n, p.stride_c = sizes.m * sizes.n;
  const support supported = rung.supports(p);
  return supported ? "too slow here; --slow runs it" : std::string(supported.why_not);
}

/// One table per shape and mode, a row per rung.
std::string rung_tables(const std::vector<result>& results, const climb_options& wanted,
                        const device_facts& device) {
  std::vector<std::pair<std::string, std::string>> groups;  // shape, mode; in order of appearance
  std::map<std::string, const result*> by_name;
  for (const result& one : results) {
    by_name[one.rung + "/" + one.shape + "/" + one.mode] = &one;
    const std::pair group(one.shape, one.mode);
    if (one.rung != "run" && std::find(groups.begin(), groups.end(), group) == groups.end())
      groups.push_back(group);
  }
  std::string text;
  for (const auto& [shape, mode] : groups) {
    table rows(joined({{"rung", table::align::left, 24}, {"idea", table::align::left, 46}},
                      figure_columns));
    for (const auto& rung : tables::gemm<float>()) {
      const std::string name = full_name(rung.info);
      if (!is_wanted(name, wanted.rungs)) continue;
      const auto found = by_name.find(name + "/" + shape + "/" + mode);
      const std::vector<std::string> cells{name, std::string(rung.info.idea)};
      rows.add(joined(cells, found != by_name.end()
                                 ? figures(*found->second)
                                 : std::vector{"- " + why_missing(rung, shape, device)}));
    }
    text += fmt::format("\ngemm, float32, {}, {}\n\n{}", shape, mode, rows.text());
  }
  return text;
}

std::string front_door_table(const std::vector<result>& results) {
  table rows(joined({{"shape"}, {"mode"}, {"chose", table::align::left, 40}}, figure_columns));
  for (const result& one : results) {
    if (one.rung == "run") rows.add(joined({one.shape, one.mode, one.label}, figures(one)));
  }
  return rows.empty() ? "" : "\nthe front door, warpladder::gemm::run\n\n" + rows.text();
}

ordered_json to_json(const ordered_json& report, const std::vector<result>& results) {
  ordered_json all{{"backend", "gpu"}, {"topic", "gemm"}, {"dtype", "float32"}};
  all["context"] = report.at("context");
  for (const result& one : results) {
    ordered_json row{{"rung", one.rung}, {"shape", one.shape}, {"mode", one.mode}};
    for (const auto& rung : tables::gemm<float>()) {
      if (full_name(rung.info) == one.rung) row["idea"] = rung.info.idea;
    }
    if (!one.label.empty()) row["choice"] = one.label;
    if (one.error.empty()) {
      row["seconds"] = one.seconds;
      row["flops_per_second"] = one.flops_per_second;
      row["ceiling_ratio"] = one.ceiling_ratio;
      row["bound_by_memory"] = one.bound_by_memory;
      row["vendor_ratio"] = one.vendor_ratio;
    } else {
      row["error"] = one.error;
    }
    all["results"].push_back(row);
  }
  return all;
}

}  // namespace

int climb(const climb_options& wanted) {
  for (const std::string& size : wanted.sizes) bench::parse_gemm_shape(size);  // complain early
  const temporary_file json;
  std::vector<std::string> arguments{"--benchmark_out=" + json.path()};
  if (!wanted.sizes.empty()) {
    arguments.push_back(fmt::format("--sizes={}", fmt::join(wanted.sizes, ",")));
  } else if (wanted.quick) {
    arguments.push_back("--sizes=1024");
  }
  if (!wanted.rungs.empty())
    arguments.push_back(fmt::format("--rungs={}", fmt::join(wanted.rungs, ",")));
  if (wanted.quick) arguments.push_back("--pairs=5");
  if (wanted.slow) arguments.push_back("--slow");

  const int code = run_program(sibling("gemm_bench").string(), arguments);
  if (code == 2) return 2;  // it has said why
  std::ifstream file(json.path());
  const ordered_json report = ordered_json::parse(file, nullptr, false);
  if (report.is_discarded()) {
    fmt::print(stderr, "gemm_bench ended with code {} before it had written its results.\n", code);
    return 1;
  }

  const std::vector<result> results = read_results(report);
  if (wanted.json) {
    fmt::print("{}\n", to_json(report, results).dump(2));
    return code == 0 ? 0 : 1;
  }
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  const auto& context = report.at("context");
  const auto fact = [&](const char* key) { return context.value(key, "?"); };
  fmt::print("{}{}", rung_tables(results, wanted, device), front_door_table(results));
  fmt::print(
      "\n{}, driver {}, cuBLAS {}\n"
      "ceilings measured in this run: {} TFLOP/s float32, {} GB/s copy; % ceiling is of the first, "
      "or "
      "of the second (m)\n"
      "where memory is the limit. x vendor: cuBLAS time / ours, interleaved in one process; above "
      "1 is "
      "faster than cuBLAS.\n"
      "Every rung was checked against float64 before it was timed.\n",
      fact("gpu"), fact("driver"), fact("cublas"), fact("ceiling_fma_tflops"),
      fact("ceiling_copy_gbps"));
  return code == 0 ? 0 : 1;
}

}  // namespace warpladder::cli
