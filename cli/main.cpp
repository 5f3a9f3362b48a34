// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <warpladder/core/version.hpp>

#include "backend.hpp"
#include "commands.hpp"

namespace {

constexpr std::string_view this_backend = WARPLADDER_BACKEND;

constexpr const char* examples = R"(
Examples
  warpladder list                                  every rung and the one idea in it
  warpladder climb                                 check and measure every ladder
  warpladder climb gemm --sizes 512,256x128x64     on shapes of your own
  warpladder climb gemm --rungs tile,run           only rungs with these words in their name
  warpladder climb --backend host                  the same kernels on the CPU, no GPU needed
  warpladder climb --backend host --gpu l4         ... with the roofline of another GPU
  warpladder climb --json > climb.json             for machines
  warpladder devices                               what the programs see of this computer

A ladder is one problem solved by many kernels: rung 00 is the vendor's library, 01 the naive
kernel, and each rung above changes one idea. On a GPU, climb measures; on the host it executes and
verifies, and shows no times, because the time of an emulation says nothing about a GPU.

Exit codes: 0 fine, 1 a rung is wrong or failed, 2 a mistake in the arguments or nothing to run on.)";

std::string version() {
  return fmt::format("warpladder {}.{}.{} ({} backend)", WARPLADDER_VERSION_MAJOR,
                     WARPLADDER_VERSION_MINOR, WARPLADDER_VERSION_PATCH, this_backend);
}

void check_topic(const std::string& topic) {
  using warpladder::cli::topics;
  if (topic.empty() || std::find(std::begin(topics), std::end(topics), topic) != std::end(topics))
    return;
  throw std::invalid_argument(
      fmt::format("There is no ladder '{}'. There are: {}.", topic, fmt::join(topics, ", ")));
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

  CLI::App* const list = app.add_subcommand("list", "The rungs of every ladder, or of one");
  CLI::App* const run = app.add_subcommand("climb", "Run every rung: check it, measure it");
  CLI::App* const devices = app.add_subcommand("devices", "What there is to run on");
  for (CLI::App* const command : {list, run})
    command->add_option(
        "topic", topic,
        fmt::format("{}; all if left out", fmt::join(warpladder::cli::topics, ", ")));
  for (CLI::App* const command : {list, run, devices})
    command->add_flag("--json", json, "Print JSON instead of a table");

  run->add_option(
         "--rungs,--filter", climb.rungs,
         "Only rungs whose name contains one of these words, comma-separated; `run` is the "
         "front door")
      ->delimiter(',');
  run->add_option("--sizes", climb.sizes, "N for a cube, MxNxK, or MxNxKxbBATCH; comma-separated")
      ->delimiter(',');
  run->add_option("--gpu", climb.gpu,
                  "Host backend: the GPU whose roofline is shown (`--gpu list` names them)")
      ->capture_default_str();
  run->add_flag("--quick", climb.quick, "Fewer sizes and repetitions");
  run->add_flag("--slow", climb.slow, "GPU backend: the slow rungs at large sizes too");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  check_topic(topic);
  choose_backend(backend, !list->parsed(), argv);

  if (list->parsed()) return warpladder::cli::list(topic, json);
  if (devices->parsed()) return warpladder::cli::devices(json);
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
