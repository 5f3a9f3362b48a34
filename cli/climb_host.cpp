// SPDX-License-Identifier: Apache-2.0
//
// Climbing without a GPU: every rung is executed on the CPU on several shapes, and its result
// compared. Nothing is timed; what can be known is how long one GPU needs at least.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <warpladder/core/device.hpp>
#include <warpladder/core/stream.hpp>

#include "commands.hpp"
#include "published_gpus.hpp"
#include "rungs.hpp"
#include "table.hpp"
#include "topics.hpp"

namespace warpladder::cli {

using nlohmann::ordered_json;
using simt::report::published_gpu;
using simt::report::table;
namespace {

enum class verdict { correct, wrong, failed, skipped };
constexpr std::string_view words[] = {"correct", "WRONG", "FAILED", "skipped"};

/// What one rung did with one shape.
struct outcome {
  verdict is;
  std::string why = {};  ///< it is not correct
  std::string choice = {};
  std::optional<double> error_over_bound = {};
};

ordered_json to_json(const std::string& shape, const outcome& result) {
  ordered_json row{{"shape", shape}};
  if (result.is == verdict::skipped) {
    row["skipped"] = result.why;
    return row;
  }
  row["correct"] = result.is == verdict::correct;
  if (!result.why.empty()) row["error"] = result.why;
  if (result.error_over_bound) row["worst_error_over_bound"] = *result.error_over_bound;
  if (!result.choice.empty()) row["choice"] = result.choice;
  return row;
}

outcome run(const runnable_rung& rung, const rung_case& made) {
  if (!made.why_not.empty()) return {verdict::skipped, made.why_not};
  fmt::print(stderr, "running {} at {} ...\n", rung.name, made.shape);
  const stream to;
  WARPLADDER_TRY(made.launch(to));
  to.synchronize();
  const std::string wrong = made.explain_wrong();
  outcome result{wrong.empty() ? verdict::correct : verdict::wrong, wrong};
  if (made.choice) result.choice = made.choice();
  if (wrong.empty() && made.error_over_bound) result.error_over_bound = made.error_over_bound();
  return result;
}

/// What a problem asks of one GPU: bytes through its memory, or arithmetic.
struct demand {
  double flops = 0, bytes = 0;
  bool on_tensor_cores = false;

  double seconds(const published_gpu& on) const {
    return std::max(bytes / (on.memory_gbps * 1e9), flops / (on.tflops(on_tensor_cores) * 1e12));
  }
  bool is_bound_by_memory(const published_gpu& on) const {
    return bytes / on.memory_gbps * 1e3 >= flops / on.tflops(on_tensor_cores);
  }
  ordered_json to_json(const std::string& shape, const published_gpu& on) const {
    return {{"shape", shape},
            {"flops", flops},
            {"compulsory_bytes", bytes},
            {"roofline_seconds", seconds(on)},
            {"roofline_limit", is_bound_by_memory(on) ? "memory" : "arithmetic"}};
  }
};

std::string readable_bytes(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  return bytes < 1e6 ? fmt::format("{:.3g} KB", bytes * 1e-3)
                     : fmt::format("{:.3g} MB", bytes * 1e-6);
}

std::string readable_time(double seconds) {
  return seconds < 1e-9 ? "less than 1 ns" : fmt::format("{:.3g} us", seconds * 1e6);
}

/// The sizes for a ladder: those asked for that are its kind, or the usual ones of its rungs.
std::vector<std::string> sizes_for(const ladder_facts& ladder, const runnable_rung& any,
                                   const climb_options& wanted) {
  if (wanted.sizes.empty()) return wanted.quick ? std::vector{any.shapes.front()} : any.shapes;
  std::vector<std::string> sizes;
  for (const std::string& size : wanted.sizes) {
    if (!ladder.takes || ladder.takes(size)) sizes.push_back(size);
  }
  return sizes;
}

/// "06_vectorized" of "gemm/06_vectorized".
std::string short_name(const runnable_rung& rung) {
  return rung.name.substr(rung.name.find('/') + 1);
}

/// The rungs of a ladder and its front doors that the user wants, in order.
std::vector<runnable_rung> rungs_of(const topic& topic, const ladder_facts& ladder,
                                    const climb_options& wanted) {
  std::vector<runnable_rung> all, found;
  topic.add_rungs(all);
  for (const runnable_rung& rung : all) {
    const std::string name = short_name(rung);
    if ((ladder.has_rung(name) || ladder.has_front_door(name)) && is_wanted(name, wanted.rungs))
      found.push_back(rung);
  }
  return found;
}

struct topic_outcome {
  std::size_t ran = 0;
  bool all_right = true;
  ordered_json report = {};
};

/// Runs the rungs of one ladder, and prints its table unless JSON is wanted.
void climb_ladder(const topic& topic, const ladder_facts& ladder, const climb_options& wanted,
                  const published_gpu& gpu, const device_facts& device, topic_outcome& all) {
  const std::vector<runnable_rung> rungs = rungs_of(topic, ladder, wanted);
  if (rungs.empty()) return;
  const std::vector<std::string> sizes = sizes_for(ladder, rungs[0], wanted);
  if (sizes.empty()) return;

  std::map<std::string, demand> demands;  // of sizes
  // Rungs by what is to be said of them and at which sizes.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> remarks;
  table results({{"rung", table::align::left, 24},
                 {"idea", table::align::left, 52},
                 {"sizes", table::align::left},
                 {"worst error / bound", table::align::right}});
  ordered_json block{{"ladder", ladder.name}};
  for (const runnable_rung& rung : rungs) {
    const std::string name = short_name(rung);
    ordered_json row{{"name", name}, {"idea", rung.info.idea}};
    std::array<int, std::size(words)> counts = {};
    std::optional<double> worst;
    std::map<std::string, std::vector<std::string>> sizes_by_remark;
    for (const std::string& size : sizes) {
      outcome result{verdict::skipped};
      result.why = rung.info.runs_on_host ? why_not_on(rung.info, device) : "has no host version";
      if (result.why.empty()) {
        try {
          const rung_case made = rung.make(size);
          demands[size] = {made.flops, made.bytes, made.on_tensor_cores};
          result = run(rung, made);
        } catch (const std::exception& failure) {
          result = {verdict::failed, failure.what()};
        }
      }
      ++counts[std::size_t(result.is)];
      if (result.error_over_bound) worst = std::max(worst.value_or(0), *result.error_over_bound);
      row["results"].push_back(to_json(size, result));
      const std::string remark = result.choice.empty() ? result.why : "chose " + result.choice;
      if (!remark.empty()) sizes_by_remark[remark].push_back(size);
    }
    std::string summary;
    for (const verdict each :
         {verdict::wrong, verdict::failed, verdict::correct, verdict::skipped}) {
      if (const int count = counts[std::size_t(each)]; count > 0)
        summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, words[int(each)]);
    }
    all.ran += sizes.size() - std::size_t(counts[std::size_t(verdict::skipped)]);
    all.all_right &=
        counts[std::size_t(verdict::wrong)] + counts[std::size_t(verdict::failed)] == 0;
    results.add(
        {name, std::string(rung.info.idea), summary, worst ? fmt::format("{:.3f}", *worst) : ""});
    block["rungs"].push_back(row);
    for (const auto& [remark, at] : sizes_by_remark)
      remarks[{remark, fmt::format("{}", fmt::join(at, ", "))}].push_back(name);
  }

  table needs({{"size"},
               {"bytes", table::align::right},
               {fmt::format("one {} needs at least", gpu.name), table::align::right},
               {"set by"}});
  for (const std::string& size : sizes) {
    const demand& of = demands[size];
    block["shapes"].push_back(of.to_json(size, gpu));
    needs.add({size, readable_bytes(of.bytes), readable_time(of.seconds(gpu)),
               of.is_bound_by_memory(gpu) ? "memory" : "arithmetic"});
  }
  all.report["ladders"].push_back(block);
  if (wanted.json) return;
  fmt::print("\n{}{}\n\n{}", ladder.title, topic.has_roofline() ? " (float32)" : "",
             results.text());
  for (const auto& [what, names] : remarks) {
    const std::string who = names.size() > 4 ? fmt::format("{} rungs", names.size())
                                             : fmt::format("{}", fmt::join(names, ", "));
    fmt::print("  {} ({}): {}\n", who, what.second, what.first);
  }
  if (topic.has_roofline()) fmt::print("\n{}", needs.text());
}

}  // namespace

int climb(const climb_options& wanted) {
  const published_gpu& gpu = simt::report::find_gpu(wanted.gpu);
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  std::size_t ran = 0;
  bool all_right = true;
  ordered_json report;
  for (const topic& topic : topics_called(wanted.topic)) {
    for (const std::string& size : wanted.sizes) topic.check_size(size);
    topic_outcome one;
    one.report = {{"backend", "host"},
                  {"topic", topic.name},
                  {"dtype", "float32"},
                  {"gpu", gpu.name},
                  {"published_float32_tflops", gpu.float32_tflops},
                  {"published_tensor_tflops", gpu.tensor_tflops},
                  {"published_memory_gbps", gpu.memory_gbps}};
    for (const ladder_facts& ladder : topic.ladders)
      climb_ladder(topic, ladder, wanted, gpu, device, one);
    if (one.ran == 0) continue;
    ran += one.ran;
    all_right &= one.all_right;
    report[topic.name] = one.report;
  }
  if (ran == 0) {
    fmt::print(stderr,
               "No rung could run. `warpladder list` names those that --rungs chooses from.\n");
    return 2;
  }
  if (wanted.json) {
    fmt::print("{}\n", report.dump(2));
  } else {
    fmt::print(
        "\nEvery element was compared. The kernels ran on the CPU, thread by thread as CUDA would "
        "run them. No\ntimes are shown: the time of an emulation says nothing about a GPU. What a "
        "GPU needs at least follows\nfrom its published {:.0f} GB/s and {:.1f} TFLOP/s, {:.0f} on "
        "tensor cores.\n",
        gpu.memory_gbps, gpu.float32_tflops, gpu.tensor_tflops);
  }
  return all_right ? 0 : 1;
}

}  // namespace warpladder::cli
