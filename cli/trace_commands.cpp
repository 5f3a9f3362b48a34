// SPDX-License-Identifier: Apache-2.0
//
// explain, check and counters in the program whose kernels are compiled for tracing.

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <simt/simt.hpp>
#include <simt/trace.hpp>
#include <stdexcept>
#include <warpladder/core/error.hpp>
#include <warpladder/core/stream.hpp>

#include "commands.hpp"
#include "explain.hpp"
#include "rung_case.hpp"

namespace warpladder::cli {
namespace {

using simt::report::published_gpu;

/// Kernels that choose by device see as many multiprocessors as the GPU in question has.
simt::options options_for(const published_gpu& gpu) {
  simt::options options = simt::current_options();
  options.sm_count = gpu.multiprocessors;
  return options;
}

std::string names_of(const std::vector<runnable_rung>& rungs) {
  std::string text;
  for (const runnable_rung& rung : rungs) text += "\n  " + rung.name;
  return text;
}

/// Rungs whose name contains `part`; "gemm/06", "padded" and "memory/" are all fine.
std::vector<runnable_rung> matching(const std::string& part) {
  std::vector<runnable_rung> all = all_rungs(), found;
  for (const runnable_rung& rung : all) {
    if (rung.name == part) return {rung};
    if (rung.name.find(part) != rung.name.npos) found.push_back(rung);
  }
  std::erase_if(found, [](const runnable_rung& rung) { return !rung.info.runs_on_host; });
  if (found.empty())
    throw std::invalid_argument(fmt::format(
        "No rung that runs on the host is called '{}'. There are:{}", part, names_of(all)));
  return found;
}

runnable_rung only_match(const std::string& part) {
  const auto found = matching(part);
  if (found.size() > 1)
    throw std::invalid_argument(
        fmt::format("'{}' is short for more than one rung:{}", part, names_of(found)));
  return found[0];
}

/// The rung on the shape asked for, or on the first of its own that it supports.
rung_case choose_case(const runnable_rung& rung, const std::string& shape) {
  std::string reasons;
  for (const std::string& candidate : shape.empty() ? rung.shapes : std::vector{shape}) {
    rung_case made = rung.make(candidate);
    if (made.why_not.empty()) return made;
    reasons += fmt::format("\n  {}: {}", made.shape, made.why_not);
  }
  throw std::invalid_argument(
      fmt::format("{} does not support{}\n--shape takes {}.", rung.name, reasons, rung.shape_help));
}

struct traced {
  simt::trace::report seen;
  std::string error;  ///< of the launch, or the wrong result
};

traced run_traced(const rung_case& made, const simt::trace::settings& wanted) {
  const stream on;
  simt::clear_report();
  simt::trace::start(wanted);
  cudaError_t status = made.launch(on);
  if (status == cudaSuccess) status = cudaStreamSynchronize(on);
  traced result{simt::trace::stop(), ""};
  cudaGetLastError();  // told here, not by the next call
  if (status != cudaSuccess) {
    result.error = cudaGetErrorString(status);
  } else {
    result.error = made.explain_wrong();
  }
  return result;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  if (!(out << text)) throw std::runtime_error(path + " can not be written");
  fmt::print(stderr, "{} written\n", path);
}

}  // namespace

int explain(const explain_options& wanted) {
  const published_gpu& gpu = simt::report::find_gpu(wanted.gpu);
  const simt::scoped_options scope(options_for(gpu));
  const auto run = [&](const std::string& name) {
    const runnable_rung rung = only_match(name);
    const rung_case made = choose_case(rung, wanted.shape);
    const simt::report::work done{rung.name + ", " + made.shape, made.flops, made.on_tensor_cores};
    traced result = run_traced(made, {.count = true, .check = false});
    if (!result.error.empty())
      throw std::runtime_error(fmt::format("{} failed: {}", done.title, result.error));
    return std::pair(std::move(result.seen.kernels), done);
  };
  const auto [kernels, done] = run(wanted.rung);
  if (!wanted.html.empty()) write_file(wanted.html, simt::report::explain_html(kernels, done, gpu));
  if (wanted.json) {
    fmt::print("{}\n", simt::report::explain_json(kernels, done, gpu).dump(2));
    return 0;
  }
  fmt::print("{}", simt::report::explain_text(kernels, done, gpu));
  if (!wanted.against.empty()) {
    const auto [before, before_work] = run(wanted.against);
    fmt::print("\n{}", simt::report::compare_text(before, before_work, kernels, done));
  }
  return 0;
}

int check(const check_options& wanted) {
  bool clean = true;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const runnable_rung& rung : matching(wanted.rung)) {
    std::size_t runs = 0;
    std::vector<simt::trace::finding> findings;
    const auto add = [&](const simt::trace::finding& found) {
      for (auto& known : findings) {
        if (known.detector == found.detector && known.text == found.text) return;
      }
      findings.push_back(found);
    };
    for (const std::string& shape :
         wanted.shape.empty() ? rung.shapes : std::vector{wanted.shape}) {
      for (int seed = 0; seed <= wanted.schedules && findings.empty(); ++seed) {
        simt::options options = simt::current_options();
        options.schedule = seed == 0 ? simt::schedule::round_robin : simt::schedule::random;
        options.seed = std::uint64_t(seed);
        options.streams = seed == 0 ? simt::stream_order::soon : simt::stream_order::random;
        options.stream_seed = std::uint64_t(seed);
        // As on a large GPU, and as on a tiny one, where blocks that stay take many tiles each.
        options.sm_count = seed % 2 == 0 ? simt::report::find_gpu("h100").multiprocessors : 2;
        const simt::scoped_options order(options);
        const rung_case made = rung.make(shape);
        if (!made.why_not.empty()) {
          if (!wanted.shape.empty())
            throw std::invalid_argument(fmt::format("{}: {}", rung.name, made.why_not));
          break;
        }
        const traced result = run_traced(made, {.count = false, .check = true});
        ++runs;
        for (const auto& found : result.seen.findings) add(found);
        if (!result.error.empty() && result.seen.findings.empty())
          add({"wrong-result", fmt::format("{} at {}, {}: {}", rung.name, made.shape,
                                           seed == 0 ? "threads in order"
                                                     : fmt::format("random order, seed {}", seed),
                                           result.error)});
      }
    }
    clean &= findings.empty();
    if (wanted.json) {
      all.push_back({{"rung", rung.name},
                     {"runs", runs},
                     {"findings", simt::report::findings_json(findings)}});
    } else if (findings.empty()) {
      fmt::print("{:<34} nothing found in {} runs\n", rung.name, runs);
    } else {
      fmt::print("{}\n\n{}", rung.name, simt::report::findings_text(findings));
    }
    std::fflush(stdout);
  }
  if (wanted.json) fmt::print("{}\n", all.dump(2));
  return clean ? 0 : 1;
}

int counters(const counters_options& wanted) {
  const simt::scoped_options scope(options_for(simt::report::find_gpu("h100")));
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const runnable_rung& rung : matching(wanted.rung)) {
    if (!rung.has_counters) continue;
    const rung_case made = choose_case(rung, "");
    const traced result = run_traced(made, {.count = true, .check = false});
    if (!result.error.empty())
      throw std::runtime_error(fmt::format("{} failed: {}", rung.name, result.error));
    auto one = simt::report::explain_json(result.seen.kernels,
                                          {rung.name, made.flops, made.on_tensor_cores},
                                          simt::report::find_gpu("h100"));
    one["shape"] = made.shape;
    all.push_back(one);
    fmt::print(stderr, "{} {}\n", rung.name, made.shape);
  }
  fmt::print("{}\n", all.dump(1));
  return 0;
}

}  // namespace warpladder::cli
