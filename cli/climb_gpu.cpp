// SPDX-License-Identifier: Apache-2.0
//
// Climbing on a GPU: the benchmark program measures, this one makes its results readable.

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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
#include "topics.hpp"

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

/// One case of the benchmark, its name taken apart: <topic>/<type>/<rung>/<shape>[/<mode>]. A front
/// door may be "run:min", with another operation than the usual one.
struct result {
  std::string type = {}, rung = {}, shape = {}, mode = {}, label = {}, error = {};
  double seconds = 0, flops_per_second = 0, bytes_per_second = 0;
  double ceiling_ratio = 0, vendor_ratio = 0;
  bool bound_by_memory = false;
};

std::string type_name(const std::string& in_case) {
  const std::map<std::string, std::string> names = {
      {"f32", "float32"}, {"f64", "float64"}, {"f16", "float16"}, {"bf16", "bfloat16"},
      {"i32", "int32"},   {"i64", "int64"},   {"u32", "uint32"},  {"u64", "uint64"}};
  const auto found = names.find(in_case);
  return found == names.end() ? in_case : found->second;
}

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
    result one{.type = type_name(parts[1]),
               .rung = parts[2],
               .shape = parts[3],
               .mode = parts.size() > 4 ? parts[4] : "stream"};
    one.label = run.value("label", "");
    if (one.label.starts_with("vendor: ")) one.label.clear();  // no choice of ours
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
/// arithmetic has a rate in bytes, a latency none.
std::vector<std::string> figures(const topic& topic, const result& one) {
  if (!one.error.empty()) return {"FAILED: " + one.error};
  if (topic.is_latency) {
    std::vector<std::string> cells{readable_time(one.seconds)};
    if (!topic.bound.empty()) cells.push_back(fmt::format("{:.1f}%", 100 * one.ceiling_ratio));
    cells.push_back(fmt::format("{:.2f}", one.vendor_ratio));
    return cells;
  }
  const double rate =
      one.flops_per_second > 0 ? one.flops_per_second * 1e-12 : one.bytes_per_second * 1e-9;
  return {readable_time(one.seconds),
          fmt::format("{:.{}f}", rate, one.flops_per_second > 0 ? 2 : 0),
          fmt::format("{:.1f}%{}", 100 * one.ceiling_ratio,
                      topic.has_roofline() && one.bound_by_memory ? " m" : "  "),
          fmt::format("{:.2f}", one.vendor_ratio)};
}

std::vector<table::column> figure_columns(const topic& topic, const std::string& vendor) {
  if (topic.is_latency) {
    std::vector<table::column> columns{{"time", table::align::right}};
    if (!topic.bound.empty()) columns.push_back({"% bound", table::align::right});
    columns.push_back({"x " + vendor, table::align::right});
    return columns;
  }
  return {{"time", table::align::right},
          {topic.is_arithmetic ? "TFLOP/s" : "GB/s", table::align::right},
          {topic.has_roofline() ? "% ceiling  " : "% bound  ", table::align::right},
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

/// Why a rung has no result at this shape.
std::string why_missing(const ladder_facts& ladder, const rung_info& rung, const std::string& shape,
                        const device_facts& device) {
  if (const auto why_not = why_not_on(rung, device); !why_not.empty()) return why_not;
  const std::string why_not = ladder.why_not(rung.step, shape);
  return why_not.empty() ? "too slow here; --slow runs it" : why_not;
}

/// One table per type, shape and mode, a row per rung.
std::string rung_tables(const topic& topic, const ladder_facts& ladder,
                        const std::vector<result>& results, const climb_options& wanted,
                        const device_facts& device) {
  using group_name = std::array<std::string, 3>;  // type, shape, mode
  std::vector<group_name> groups;                 // in order of appearance
  std::map<std::pair<std::string, group_name>, const result*> by_name;
  for (const result& one : results) {
    if (!ladder.has_rung(one.rung)) continue;
    const group_name group{one.type, one.shape, one.mode};
    by_name[{one.rung, group}] = &one;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::string text;
  for (const group_name& group : groups) {
    const auto& [type, shape, mode] = group;
    table rows(joined({{"rung", table::align::left, 24}, {"idea", table::align::left, 46}},
                      figure_columns(topic, ladder.vendor)));
    for (const rung_info& rung : ladder.rungs) {
      const std::string name = full_name(rung);
      if (!is_wanted(name, wanted.rungs)) continue;
      const auto found = by_name.find({name, group});
      // A graph changes nothing for a latency inside of one kernel.
      if (found == by_name.end() && topic.is_latency && mode != "stream") continue;
      const std::vector<std::string> cells{name, std::string(rung.idea)};
      rows.add(joined(cells, found != by_name.end()
                                 ? figures(topic, *found->second)
                                 : std::vector{"- " + why_missing(ladder, rung, shape, device)}));
    }
    text += fmt::format("\n{} ({}), {}, {}\n\n{}", ladder.title, type, shape, mode, rows.text());
  }
  return text;
}

std::string front_door_table(const topic& topic, const ladder_facts& ladder, const front_door& door,
                             const std::vector<result>& results) {
  std::vector<const result*> of_door;
  for (const result& one : results) {
    if (one.rung == door.name || one.rung.starts_with(door.name + ":")) of_door.push_back(&one);
  }
  if (of_door.empty()) return "";
  const auto any = [&](auto what) { return std::any_of(of_door.begin(), of_door.end(), what); };
  const auto operands_of = [&](const result* one) {
    return one->rung == door.name ? one->type
                                  : one->type + " " + one->rung.substr(door.name.size() + 1);
  };
  const bool has_types =
      any([&](const result* one) { return operands_of(one) != operands_of(of_door[0]); });
  const bool chooses = any([](const result* one) { return !one->label.empty(); });
  std::vector<table::column> columns{{"shape"}, {"mode"}};
  if (has_types) columns.insert(columns.begin(), {"operands"});
  if (chooses) columns.push_back({"chose", table::align::left, 40});
  table rows(joined(columns, figure_columns(topic, ladder.vendor)));
  for (const result* one : of_door) {
    std::vector<std::string> cells{one->shape, one->mode};
    if (has_types) cells.insert(cells.begin(), operands_of(one));
    if (chooses) cells.push_back(one->label);
    rows.add(joined(cells, figures(topic, *one)));
  }
  return fmt::format("\nthe front door, {}\n\n{}", door.function, rows.text());
}

/// Of the libraries whose rungs ran.
std::string vendor_versions(const ordered_json& context) {
  std::string text;
  for (const auto& [key, name] : {std::pair("cublas", "cuBLAS"), std::pair("cub", "CUB")}) {
    if (context.contains(key))
      text += fmt::format(", {} {}", name, context.at(key).get<std::string>());
  }
  return text;
}

ordered_json to_json(const topic& topic, const ordered_json& report,
                     const std::vector<result>& results) {
  ordered_json all{{"backend", "gpu"}, {"topic", topic.name}};
  all["context"] = report.at("context");
  for (const result& one : results) {
    ordered_json row{
        {"rung", one.rung}, {"dtype", one.type}, {"shape", one.shape}, {"mode", one.mode}};
    for (const ladder_facts& ladder : topic.ladders) {
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

bool has_wanted_rung(const topic& topic, const climb_options& wanted) {
  for (const ladder_facts& ladder : topic.ladders) {
    for (const front_door& door : ladder.front_doors) {
      if (is_wanted(door.name, wanted.rungs)) return true;
    }
    for (const rung_info& rung : ladder.rungs) {
      if (is_wanted(full_name(rung), wanted.rungs)) return true;
    }
  }
  return false;
}

/// Measures a topic, and prints its tables or adds it to `all`. Returns the exit code.
int climb_topic(const topic& topic, const climb_options& wanted, ordered_json& all) {
  const temporary_file json;
  std::vector<std::string> arguments{"--benchmark_out=" + json.path()};
  if (!wanted.sizes.empty()) {
    arguments.push_back(fmt::format("--sizes={}", fmt::join(wanted.sizes, ",")));
  } else if (wanted.quick) {
    arguments.push_back("--sizes=" + topic.quick_sizes);
  }
  if (!wanted.rungs.empty())
    arguments.push_back(fmt::format("--rungs={}", fmt::join(wanted.rungs, ",")));
  if (wanted.quick) arguments.push_back("--pairs=5");
  if (wanted.slow) arguments.push_back("--slow");

  const std::string program = topic.name + "_bench";
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
    all[topic.name] = to_json(topic, report, results);
    return code == 0 ? 0 : 1;
  }
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  for (const ladder_facts& ladder : topic.ladders) {
    fmt::print("{}", rung_tables(topic, ladder, results, wanted, device));
    for (const front_door& door : ladder.front_doors)
      fmt::print("{}", front_door_table(topic, ladder, door, results));
  }
  const auto& context = report.at("context");
  const auto fact = [&](const char* key) { return context.value(key, "?"); };
  fmt::print("\n{}, driver {}{}\n", fact("gpu"), fact("driver"), vendor_versions(context));
  if (!topic.bound.empty()) fmt::print("% bound is of {}, measured in this run.\n", topic.bound);
  if (topic.has_roofline())
    fmt::print(
        "ceilings measured in this run: {} TFLOP/s float32, {} GB/s copy; % ceiling is of the "
        "first, or of the second (m)\n"
        "where memory is the limit.\n",
        fact("ceiling_fma_tflops"), fact("ceiling_copy_gbps"));
  fmt::print(
      "x ...: its time / ours, interleaved in one process; above 1 is faster than it. Every rung "
      "was\n"
      "checked {} before it was timed.\n",
      topic.checked);
  return code == 0 ? 0 : 1;
}

}  // namespace

int climb(const climb_options& wanted) {
  ordered_json all;
  int worst = 0;
  bool any = false;
  for (const topic& topic : topics_called(wanted.topic)) {
    // A complaint about sizes comes early, and not from another program.
    for (const std::string& size : wanted.sizes) topic.check_size(size);
    if (wanted.topic.empty() && !has_wanted_rung(topic, wanted)) continue;
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
