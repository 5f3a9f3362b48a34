// SPDX-License-Identifier: Apache-2.0
//
// What it costs to launch, to wait, and to let one thing run after another: every table of
// docs/launch.md, and A4, A9 and C7 in docs/faq.md. What is measured is the runtime, so that there
// is no host version. A section per table or two, in launch_overheads/.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <launch_overheads/sections.hpp>
#include <stdexcept>
#include <string>
#include <study.hpp>
#include <vector>

namespace {

namespace wl = warpladder::bench;
using nlohmann::ordered_json;

constexpr struct {
  const char* name;
  ordered_json (*measure)(wl::lab&);
} sections[] = {{"first_launches", wl::measure_first_launches},
                {"empty", wl::measure_empty},
                {"arguments", wl::measure_arguments},
                {"grids", wl::measure_grids},
                {"carve_outs", wl::measure_carve_outs},
                {"clusters", wl::measure_clusters},
                {"implicit_synchronisation", wl::measure_implicit_synchronisation},
                {"blocking_calls", wl::measure_blocking_calls},
                {"concurrency", wl::measure_concurrency},
                {"events", wl::measure_events},
                {"graphs", wl::measure_graphs},
                {"device_graphs", wl::measure_device_graphs},
                {"conditional_nodes", wl::measure_conditional_nodes},
                {"nested", wl::measure_nested},
                {"dependent_launches", wl::measure_dependent_launches}};

struct choice {
  bool quick = false;
  std::vector<std::string> names;  // none: all
};

ordered_json measure(const choice& chosen) {
  wl::lab lab(chosen.quick);
  ordered_json results{{"context", wl::describe_study()}, {"repetitions", lab.repetitions}};
  std::string failures;
  const wl::stopwatch watch;
  for (const auto& section : sections) {
    if (!chosen.names.empty() &&
        std::ranges::find(chosen.names, section.name) == chosen.names.end())
      continue;
    fmt::print(stderr, "{:6.1f} s  {}\n", watch.us() * 1e-6, section.name);
    try {
      results[section.name] = section.measure(lab);
    } catch (const wl::unavailable& reason) {
      fmt::print("\n{}: {}\n", section.name, reason.what());
      results[section.name] = {{"why_not", reason.what()}};
    } catch (const std::exception& error) {
      // The others are still worth seeing.
      failures += fmt::format("\n  {}: {}", section.name, error.what());
      fmt::print(stderr, "          FAILED: {}\n", error.what());
    }
    std::fflush(stdout);
  }
  fmt::print(stderr, "{:6.1f} s  done\n", watch.us() * 1e-6);
  if (!failures.empty()) throw std::runtime_error("these sections:" + failures);
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  choice chosen;
  return warpladder::bench::run_study(
      argc, argv,
      "Measures what launching, waiting and synchronising cost. Takes half a minute.\n"
      "*: the host could not enqueue as fast as the device ran.",
      [&] { return measure(chosen); },
      [&](CLI::App& app) {
        app.add_flag("--quick", chosen.quick, "Few repetitions: whether it works, not how fast");
        std::vector<std::string> names;
        for (const auto& section : sections) names.push_back(section.name);
        app.add_option("--sections", chosen.names, "Only these")
            ->delimiter(',')
            ->check(CLI::IsMember(names));
      });
}
