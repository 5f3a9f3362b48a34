// SPDX-License-Identifier: Apache-2.0
//
// The topic memory without a GPU: every rung is executed on the CPU on several shapes, and every
// element of its result is compared.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <memory_shape.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/stream.hpp>

#include "climb_host.hpp"
#include "ladders.hpp"
#include "published_gpus.hpp"
#include "rung_case.hpp"
#include "rungs.hpp"
#include "table.hpp"

namespace warpladder::cli {

using bench::memory_shape;
using simt::report::table;
namespace {

enum class verdict { correct, wrong, failed, skipped };
constexpr std::string_view words[] = {"correct", "WRONG", "FAILED", "-"};

struct outcome {
  verdict is;
  std::string why = {};
};

outcome run(const runnable_rung& rung, const std::string& shape, const device_facts& device) {
  if (!rung.info.runs_on_host) return {verdict::skipped, "has no host version"};
  if (const auto why = why_not_on(rung.info, device); !why.empty()) return {verdict::skipped, why};
  try {
    const rung_case made = rung.make(shape);
    if (!made.why_not.empty()) return {verdict::skipped, made.why_not};
    fmt::print(stderr, "running {} at {} ...\n", rung.name, shape);
    const stream to;
    WARPLADDER_TRY(made.launch(to));
    to.synchronize();
    const std::string wrong = made.explain_wrong();
    return {wrong.empty() ? verdict::correct : verdict::wrong, wrong};
  } catch (const std::exception& failure) {
    return {verdict::failed, failure.what()};
  }
}

/// The shapes for a ladder: those asked for that are its kind, or the usual ones of its rungs.
std::vector<std::string> shapes_for(const ladder_facts& ladder, const runnable_rung& any,
                                    const climb_options& wanted) {
  using enum memory_shape::kind;
  if (wanted.sizes.empty()) return wanted.quick ? std::vector{any.shapes.front()} : any.shapes;
  const auto kind = ladder.name == "layouts"   ? particles
                    : ladder.name == "lookups" ? lookups
                                               : matrix;
  std::vector<std::string> shapes;
  for (const std::string& size : wanted.sizes) {
    const memory_shape shape = bench::parse_memory_shape(size);
    if (shape.of == kind) shapes.push_back(shape.name());
  }
  return shapes;
}

/// The rungs of a ladder and its front door that the user wants, in order.
std::vector<runnable_rung> rungs_of(const ladder_facts& ladder, const climb_options& wanted) {
  std::vector<runnable_rung> found;
  for (const runnable_rung& rung : all_rungs()) {
    const std::string name = rung.name.substr(rung.name.find('/') + 1);
    const bool is_here =
        rung.name.starts_with("memory/") &&
        (name == ladder.front_door ||
         std::any_of(ladder.rungs.begin(), ladder.rungs.end(),
                     [&](const rung_info& one) { return full_name(one) == name; }));
    if (is_here && is_wanted(name, wanted.rungs)) found.push_back(rung);
  }
  return found;
}

}  // namespace

topic_outcome climb_memory(const climb_options& wanted) {
  const auto& gpu = simt::report::find_gpu(wanted.gpu);
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  topic_outcome all;
  all.report = {{"backend", "host"},
                {"topic", "memory"},
                {"dtype", "float32"},
                {"gpu", gpu.name},
                {"published_memory_gbps", gpu.memory_gbps}};
  for (const ladder_facts& ladder : ladders_of("memory")) {
    const std::vector<runnable_rung> rungs = rungs_of(ladder, wanted);
    if (rungs.empty()) continue;
    const std::vector<std::string> shapes = shapes_for(ladder, rungs[0], wanted);
    if (shapes.empty()) continue;

    std::vector<table::column> columns{{"rung", table::align::left, 26},
                                       {"idea", table::align::left, 46}};
    for (const std::string& shape : shapes) columns.push_back({shape});
    table rows(columns);
    std::map<std::string, std::string> remarks;  // who and why -> shapes
    nlohmann::ordered_json block{{"ladder", ladder.name}};
    for (const runnable_rung& rung : rungs) {
      const std::string name = rung.name.substr(rung.name.find('/') + 1);
      std::vector<std::string> cells{name, std::string(rung.info.idea)};
      nlohmann::ordered_json row{{"name", name}, {"idea", rung.info.idea}};
      for (const std::string& shape : shapes) {
        const outcome result = run(rung, shape, device);
        cells.emplace_back(words[int(result.is)]);
        nlohmann::ordered_json at{{"shape", shape}};
        if (result.is == verdict::skipped) {
          at["skipped"] = result.why;
        } else {
          ++all.ran;
          all.all_right &= result.is == verdict::correct;
          at["correct"] = result.is == verdict::correct;
          if (!result.why.empty()) at["error"] = result.why;
        }
        row["results"].push_back(at);
        if (result.why.empty()) continue;
        std::string& where = remarks[fmt::format("{}: {}", name, result.why)];
        where.append(where.empty() ? "" : ", ").append(shape);
      }
      rows.add(cells);
      block["rungs"].push_back(row);
    }
    all.report["ladders"].push_back(block);
    if (wanted.json) continue;
    fmt::print("\n{}\n\n{}", ladder.title, rows.text());
    for (const auto& [what, where] : remarks) fmt::print("  {} ({})\n", what, where);
  }
  if (all.ran != 0 && !wanted.json)
    fmt::print(
        "\nEvery element was compared, bit by bit. One {} with {:.0f} GB/s can transpose or copy "
        "at "
        "most {:.0f} G\nfloats per second, and move at most {:.0f} G particles.\n",
        gpu.name, gpu.memory_gbps, gpu.memory_gbps / 8, gpu.memory_gbps / 36);
  return all;
}

}  // namespace warpladder::cli
