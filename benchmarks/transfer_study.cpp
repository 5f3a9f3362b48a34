// SPDX-License-Identifier: Apache-2.0
//
// What it costs to move bytes between host and device, for A5 and A7 in docs/faq.md and for
// docs/transfer.md. It measures the machine and the runtime, so that there is no host version. A
// part per table or two, in transfer_study/.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <transfer_study/sections.hpp>
#include <vector>

namespace {

namespace wl = warpladder::bench;
using nlohmann::ordered_json;

constexpr struct {
  const char* name;
  ordered_json (*measure)(wl::transfer_lab&);
} parts[] = {{"kinds", wl::measure_kinds},  {"costs", wl::measure_costs},
             {"cpu", wl::measure_cpu},      {"overlap", wl::measure_overlap},
             {"rows", wl::measure_rows},    {"pieces", wl::measure_pieces},
             {"tuning", wl::measure_tuning}};

struct choice {
  bool quick = false;
  std::vector<std::string> names;  // none: all
};

ordered_json measure(const choice& chosen) {
  wl::transfer_lab lab(chosen.quick);
  ordered_json results{{"context", wl::describe_study()}};
  results["quick"] = chosen.quick;
  std::string failures;
  const wl::stopwatch watch;
  for (const auto& part : parts) {
    if (!chosen.names.empty() && std::ranges::find(chosen.names, part.name) == chosen.names.end())
      continue;
    fmt::print(stderr, "{:6.1f} s  {}\n", watch.us() * 1e-6, part.name);
    try {
      results[part.name] = part.measure(lab);
    } catch (const std::exception& error) {
      // The others are still worth seeing.
      failures += fmt::format("\n  {}: {}", part.name, error.what());
      fmt::print(stderr, "          FAILED: {}\n", error.what());
    }
    std::fflush(stdout);
  }
  results["host"] = wl::describe_host();  // now: an idle link may be a slow one
  fmt::print(stderr, "{:6.1f} s  done\n", watch.us() * 1e-6);
  if (!failures.empty()) throw std::runtime_error("these parts:" + failures);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  choice chosen;
  return warpladder::bench::run_study(
      argc, argv,
      "Measures what it costs to move bytes between host and device: every kind of memory, what it "
      "costs to get, and what can be done meanwhile. Takes two minutes, 12 GiB of host memory and "
      "6 "
      "GiB of the device's.",
      [&] { return measure(chosen); },
      [&](CLI::App& app) {
        app.add_flag("--quick", chosen.quick, "Few sizes and repetitions: whether it works");
        std::vector<std::string> names;
        for (const auto& part : parts) names.push_back(part.name);
        app.add_option("--only", chosen.names, "Only these parts")
            ->delimiter(',')
            ->check(CLI::IsMember(names));
      });
}
