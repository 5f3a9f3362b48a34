// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/version.hpp>

#include "backend.hpp"
#include "commands.hpp"
#include "topics.hpp"

namespace {

constexpr std::string_view this_backend = WARPLADDER_BACKEND;

constexpr const char* examples = R"(
Examples
  warpladder list                                  every rung and the one idea in it
  warpladder climb                                 check and measure every ladder
  warpladder climb gemm --sizes 512,256x128x64     on shapes of your own
  warpladder climb gemm --rungs tile,run           only rungs with these words in their name
  warpladder climb memory --sizes 1000x300,8192@1  transposes and copies; the second is misaligned
  warpladder climb --backend host                  the same kernels on the CPU, no GPU needed
  warpladder climb --backend host --gpu l4         ... with the roofline of another GPU
  warpladder climb --json > climb.json             for machines
  warpladder explain gemm/06 --against gemm/05     memory requests per source line, without a GPU
  warpladder explain padded --html padded.html     the annotated source as a page
  warpladder check memory/                         races and other mistakes, without a GPU
  warpladder devices                               what the programs see of this computer

A ladder is one problem solved by many kernels: rung 00 is the vendor's library, 01 the naive
kernel, and each rung above changes one idea. On a GPU, climb measures; on the host it executes and
verifies, and shows no times, because the time of an emulation says nothing about a GPU.

Exit codes: 0 fine, 1 a rung is wrong or failed, 2 a mistake in the arguments or nothing to run on.)";

std::string version() {
  return fmt::format("warpladder {}.{}.{} ({} backend)", WARPLADDER_VERSION_MAJOR,
                     WARPLADDER_VERSION_MINOR, WARPLADDER_VERSION_PATCH, this_backend);
}

/// "gemm: N for a cube, ...; memory: ...".
std::string size_help() {
  std::string text;
  for (const auto& topic : warpladder::cli::topics())
    text += fmt::format("{}{}: {}", text.empty() ? "" : ". ", topic.name, topic.size_help);
  return text;
}

/// "run, transpose, ...", each name once.
std::string front_door_names() {
  std::vector<std::string> names;
  for (const auto& topic : warpladder::cli::topics()) {
    for (const auto& ladder : topic.ladders) {
      for (const auto& door : ladder.front_doors) {
        if (std::find(names.begin(), names.end(), door.name) == names.end())
          names.push_back(door.name);
      }
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Hands over to the other program if this one is the wrong one for the wish. `auto` means the GPU
/// if there is one; the host program stays what it is, for whoever calls it by name.
void choose_backend(const std::string& wish, bool runs_kernels, char** argv) {
  std::string backend = wish;
  if (wish == "auto") {
    if (this_backend == "host" || !runs_kernels || warpladder::cli::has_device()) return;
    backend = "host";
    fmt::print(stderr, "no GPU found: running on the host executor\n");
  }
  if (backend != this_backend) warpladder::cli::become_backend(backend, argv);
}

int run(int argc, char** argv) {
  CLI::App app("CUDA kernels as ladders: list them, run them, measure them.", "warpladder");
  app.footer(examples);
  app.set_version_flag("--version", version());
  app.require_subcommand(1);
  app.fallthrough();  // options of the program may also follow the command

  std::string backend = "auto";
  app.add_option("--backend", backend, "gpu, host, or auto: the GPU if there is one")
      ->check(CLI::IsMember({"gpu", "host", "auto"}))
      ->capture_default_str();
  bool json = false;
  std::string topic;
  warpladder::cli::climb_options climb;
  warpladder::cli::explain_options explain;
  warpladder::cli::check_options check;
  warpladder::cli::counters_options counters;

  CLI::App* const list = app.add_subcommand("list", "The rungs of every ladder, or of one");
  CLI::App* const run = app.add_subcommand("climb", "Run every rung: check it, measure it");
  CLI::App* const explaining = app.add_subcommand(
      "explain", "What a rung asks of the memory system, per source line (no GPU needed)");
  CLI::App* const checking = app.add_subcommand(
      "check", "Races, out-of-bounds accesses and other mistakes of a rung (no GPU needed)");
  CLI::App* const counting = app.add_subcommand(
      "counters",
      "One launch of every rung: its counters as JSON, or, with --backend gpu, for "
      "Nsight Compute to watch (scripts/measure_counters)");
  CLI::App* const devices = app.add_subcommand("devices", "What there is to run on");
  for (CLI::App* const command : {list, run})
    command->add_option("topic", topic,
                        fmt::format("{}; all if left out", warpladder::cli::topic_names()));
  for (CLI::App* const command : {list, run, devices, explaining, checking})
    command->add_flag("--json", json, "Print JSON instead of a table");

  run->add_option(
         "--rungs,--filter", climb.rungs,
         fmt::format("Only rungs whose name contains one of these words, comma-separated. Front "
                     "doors: {}",
                     front_door_names()))
      ->delimiter(',');
  run->add_option("--sizes", climb.sizes, "Comma-separated. " + size_help())->delimiter(',');
  run->add_option("--gpu", climb.gpu,
                  "Host backend: the GPU whose roofline is shown (`--gpu list` names them)")
      ->capture_default_str();
  run->add_flag("--quick", climb.quick, "Fewer sizes and repetitions");
  run->add_flag("--slow", climb.slow, "GPU backend: the slow rungs at large sizes too");

  explaining
      ->add_option("rung", explain.rung, "gemm/06_vectorized, or a part of it: gemm/06, vectorized")
      ->required();
  explaining->add_option("--against", explain.against, "A rung to compare the totals with");
  explaining->add_option("--shape", explain.shape,
                         "The size of the problem, as climb's --sizes takes it; for tables and "
                         "particles of the topic memory the count alone will do");
  explaining->add_option("--gpu", explain.gpu, "The GPU whose roofline is shown")
      ->capture_default_str();
  explaining->add_option("--html", explain.html, "Write the annotated source to this file");
  checking->add_option("rung", check.rung, "A part of the rungs' names; every rung if left out");
  checking->add_option("--shape", check.shape, "Only this size");
  checking->add_option("--schedules", check.schedules, "Random orders of the threads to try")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  counting->add_option("rung", counters.rung, "A part of the rungs' names");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  warpladder::cli::topics_called(topic);  // complains now, and not from another program
  const bool traces =
      explaining->parsed() || checking->parsed() || (counting->parsed() && backend != "gpu");
  if (traces) {
    if (this_backend != "traced") warpladder::cli::become_backend("traced", argv);
    explain.json = check.json = json;
    if (explaining->parsed()) return warpladder::cli::explain(explain);
    if (checking->parsed()) return warpladder::cli::check(check);
    return warpladder::cli::counters(counters);
  }
  choose_backend(backend, !list->parsed(), argv);
  if (counting->parsed()) return warpladder::cli::counters(counters);

  if (list->parsed()) return warpladder::cli::list(topic, json);
  if (devices->parsed()) return warpladder::cli::devices(json);
  if (topic.empty() && !climb.sizes.empty())
    throw std::invalid_argument(
        fmt::format("--sizes: of which topic? Name one of {}.", warpladder::cli::topic_names()));
  climb.topic = topic;
  climb.json = json;
  return warpladder::cli::climb(climb);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "warpladder: {}\n", error.what());
    return 2;
  }
}
