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
#include <gemm_shape.hpp>
#include <map>
#include <memory_shape.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <warpladder/core/device.hpp>
#include <warpladder/core/error.hpp>

#include "backend.hpp"
#include "commands.hpp"
#include "ladders.hpp"
#include "rungs.hpp"
#include "table.hpp"

namespace warpladder::cli {

using simt::report::table;
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

/// One case of the benchmark, its name taken apart: <topic>/f32/<rung>/<shape>[/<mode>].
struct result {
  std::string rung = {}, shape = {}, mode = {}, label = {}, error = {};
  double seconds = 0, flops_per_second = 0, bytes_per_second = 0;
  double ceiling_ratio = 0, vendor_ratio = 0;
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
      one.bytes_per_second = run.value("bytes_per_second", 0.0);
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

/// Time, rate, share of the ceiling, ratio; the last four cells of every row. Work without
/// arithmetic has a rate in bytes.
std::vector<std::string> figures(const result& one) {
  if (!one.error.empty()) return {"FAILED: " + one.error};
  const double rate =
      one.flops_per_second > 0 ? one.flops_per_second * 1e-12 : one.bytes_per_second * 1e-9;
  return {readable_time(one.seconds),
          fmt::format("{:.{}f}", rate, one.flops_per_second > 0 ? 2 : 0),
          fmt::format("{:.1f}%{}", 100 * one.ceiling_ratio, one.bound_by_memory ? " m" : "  "),
          fmt::format("{:.2f}", one.vendor_ratio)};
}

std::vector<table::column> figure_columns(const std::string& topic, const std::string& vendor) {
  return {{"time", table::align::right},
          {topic == "gemm" ? "TFLOP/s" : "GB/s", table::align::right},
          {"% ceiling  ", table::align::right},
          {"x " + vendor, table::align::right}};
}

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

bool has_rung(const ladder_facts& ladder, const std::string& name) {
  return std::any_of(ladder.rungs.begin(), ladder.rungs.end(),
                     [&](const rung_info& rung) { return full_name(rung) == name; });
}

/// Why a rung has no result at this shape.
std::string why_missing(const ladder_facts& ladder, const rung_info& rung, const std::string& shape,
                        const device_facts& device) {
  if (const auto why_not = why_not_on(rung, device); !why_not.empty()) return why_not;
  const std::string why_not = ladder.why_not(rung.step, shape);
  return why_not.empty() ? "too slow here; --slow runs it" : why_not;
}

/// One table per shape and mode, a row per rung.
std::string rung_tables(const std::string& topic, const ladder_facts& ladder,
                        const std::vector<result>& results, const climb_options& wanted,
                        const device_facts& device) {
  std::vector<std::pair<std::string, std::string>> groups;  // shape, mode; in order of appearance
  std::map<std::string, const result*> by_name;
  for (const result& one : results) {
    if (!has_rung(ladder, one.rung)) continue;
    by_name[one.rung + "/" + one.shape + "/" + one.mode] = &one;
    const std::pair group(one.shape, one.mode);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::string text;
  for (const auto& [shape, mode] : groups) {
    table rows(joined({{"rung", table::align::left, 24}, {"idea", table::align::left, 46}},
                      figure_columns(topic, ladder.vendor)));
    for (const rung_info& rung : ladder.rungs) {
      const std::string name = full_name(rung);
      if (!is_wanted(name, wanted.rungs)) continue;
      const auto found = by_name.find(name + "/" + shape + "/" + mode);
      const std::vector<std::string> cells{name, std::string(rung.idea)};
      rows.add(joined(cells, found != by_name.end()
                                 ? figures(*found->second)
                                 : std::vector{"- " + why_missing(ladder, rung, shape, device)}));
    }
    text += fmt::format("\n{}, {}, {}\n\n{}", ladder.title, shape, mode, rows.text());
  }
  return text;
}

std::string front_door_table(const std::string& topic, const ladder_facts& ladder,
                             const std::vector<result>& results) {
  const bool chooses = std::any_of(results.begin(), results.end(), [&](const result& one) {
    return one.rung == ladder.front_door && !one.label.empty();
  });
  std::vector<table::column> columns{{"shape"}, {"mode"}};
  if (chooses) columns.push_back({"chose", table::align::left, 40});
  table rows(joined(columns, figure_columns(topic, ladder.vendor)));
  for (const result& one : results) {
    if (one.rung != ladder.front_door) continue;
    std::vector<std::string> cells{one.shape, one.mode};
    if (chooses) cells.push_back(one.label);
    rows.add(joined(cells, figures(one)));
  }
  if (rows.empty()) return "";
  return fmt::format("\nthe front door, {}\n\n{}", ladder.function, rows.text());
}

ordered_json to_json(const std::string& topic, const std::vector<ladder_facts>& ladders,
                     const ordered_json& report, const std::vector<result>& results) {
  ordered_json all{{"backend", "gpu"}, {"topic", topic}, {"dtype", "float32"}};
  all["context"] = report.at("context");
  for (const result& one : results) {
    ordered_json row{{"rung", one.rung}, {"shape", one.shape}, {"mode", one.mode}};
    for (const ladder_facts& ladder : ladders) {
      for (const rung_info& rung : ladder.rungs) {
        if (full_name(rung) == one.rung) row["idea"] = rung.idea;
      }
    }
    if (!one.label.empty()) row["choice"] = one.label;
    if (one.error.empty()) {
      row["seconds"] = one.seconds;
      row["flops_per_second"] = one.flops_per_second;
      row["bytes_per_second"] = one.bytes_per_second;
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

/// A complaint about sizes comes early, and not from another program.
void check_sizes(const std::string& topic, const std::vector<std::string>& sizes) {
  for (const std::string& size : sizes) {
    if (topic == "gemm")
      bench::parse_gemm_shape(size);
    else
      bench::parse_memory_shape(size);
  }
}

std::string quick_sizes(const std::string& topic) {
  return topic == "gemm" ? "1024" : "4096,1048576particles,16777216of4194304";
}

bool has_wanted_rung(const std::vector<ladder_facts>& ladders, const climb_options& wanted) {
  return std::any_of(ladders.begin(), ladders.end(), [&](const ladder_facts& ladder) {
    return (!ladder.front_door.empty() && is_wanted(ladder.front_door, wanted.rungs)) ||
           std::any_of(ladder.rungs.begin(), ladder.rungs.end(), [&](const rung_info& rung) {
             return is_wanted(full_name(rung), wanted.rungs);
           });
  });
}

/// Measures a topic, and prints its tables or adds it to `all`. Returns the exit code.
int climb_topic(const std::string& topic, const climb_options& wanted, ordered_json& all) {
  const std::vector<ladder_facts> ladders = ladders_of(topic);
  const temporary_file json;
  std::vector<std::string> arguments{"--benchmark_out=" + json.path()};
  if (!wanted.sizes.empty()) {
    arguments.push_back(fmt::format("--sizes={}", fmt::join(wanted.sizes, ",")));
  } else if (wanted.quick) {
    arguments.push_back("--sizes=" + quick_sizes(topic));
  }
  if (!wanted.rungs.empty())
    arguments.push_back(fmt::format("--rungs={}", fmt::join(wanted.rungs, ",")));
  if (wanted.quick) arguments.push_back("--pairs=5");
  if (wanted.slow) arguments.push_back("--slow");

  const std::string program = topic + "_bench";
  const int code = run_program(sibling(program).string(), arguments);
  if (code == 2) return 2;  // it has said why
  std::ifstream file(json.path());
  const ordered_json report = ordered_json::parse(file, nullptr, false);
  if (report.is_discarded()) {
    fmt::print(stderr, "{} ended with code {} before it had written its results.\n", program, code);
    return 1;
  }

  const std::vector<result> results = read_results(report);
  if (wanted.json) {
    all[topic] = to_json(topic, ladders, report, results);
    return code == 0 ? 0 : 1;
  }
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  for (const ladder_facts& ladder : ladders) {
    fmt::print("{}{}", rung_tables(topic, ladder, results, wanted, device),
               front_door_table(topic, ladder, results));
  }
  const auto& context = report.at("context");
  const auto fact = [&](const char* key) { return context.value(key, "?"); };
  fmt::print(
      "\n{}, driver {}, cuBLAS {}\n"
      "ceilings measured in this run: {} TFLOP/s float32, {} GB/s copy; % ceiling is of the first, "
      "or of the second (m)\n"
      "where memory is the limit. x cuBLAS: its time / ours, interleaved in one process; above 1 "
      "is "
      "faster than cuBLAS,\n"
      "and likewise for others. Every rung was checked {} before it was timed.\n",
      fact("gpu"), fact("driver"), fact("cublas"), fact("ceiling_fma_tflops"),
      fact("ceiling_copy_gbps"), topic == "gemm" ? "against float64" : "element by element");
  return code == 0 ? 0 : 1;
}

}  // namespace

int climb(const climb_options& wanted) {
  check_sizes(wanted.topic, wanted.sizes);
  ordered_json all;
  int worst = 0;
  bool any = false;
  for (const std::string_view name : topics) {
    const std::string topic(name);
    if (!wanted.topic.empty() && topic != wanted.topic) continue;
    if (wanted.topic.empty() && !has_wanted_rung(ladders_of(topic), wanted)) continue;
    any = true;
    worst = std::max(worst, climb_topic(topic, wanted, all));
  }
  if (!any) {
    fmt::print(stderr, "No rung is called so. `warpladder list` names those there are.\n");
    return 2;
  }
  if (wanted.json && !all.empty()) fmt::print("{}\n", all.dump(2));
  return worst;
}

}  // namespace warpladder::cli
