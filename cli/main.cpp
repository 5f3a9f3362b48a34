// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/version.hpp>

#include "arguments.hpp"
#include "backend.hpp"
#include "commands.hpp"
#include "topics.hpp"

namespace warpladder::cli {
namespace {

constexpr std::string_view this_backend = WARPLADDER_BACKEND;

std::string version() {
  return fmt::format("warpladder {}.{}.{} ({} backend)", WARPLADDER_VERSION_MAJOR,
                     WARPLADDER_VERSION_MINOR, WARPLADDER_VERSION_PATCH, this_backend);
}

/// "gemm: N for a cube, ...; memory: ...".
std::string size_help() {
  std::string text;
  for (const auto& topic : topics())
    text += fmt::format("{}{}: {}", text.empty() ? "" : ". ", topic.name, topic.size_help);
  return text;
}

/// "run, transpose, ...", each name once.
std::string front_door_names() {
  std::vector<std::string> names;
  for (const auto& topic : topics()) {
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
    if (this_backend == "host" || !runs_kernels || has_device()) return;
    backend = "host";
    fmt::print(stderr, "no GPU found: running on the host executor\n");
  }
  if (backend != this_backend) become_backend(backend, argv);
}

int run(int argc, char** argv) {
  const help_texts texts{version(), topic_names(), size_help(), front_door_names()};
  arguments wanted = parse_arguments(argc, argv, texts);
  if (wanted.exit_code) return *wanted.exit_code;
  const std::string& command = wanted.command;
  topics_called(wanted.topic);  // complains now, and not from another program

  const bool traces = command == "explain" || command == "check" ||
                      (command == "counters" && wanted.backend != "gpu");
  if (traces) {
    if (this_backend != "traced") become_backend("traced", argv);
    wanted.explain.json = wanted.check.json = wanted.json;
    if (command == "explain") return explain(wanted.explain);
    if (command == "check") return check(wanted.check);
    return counters(wanted.counters);
  }
  choose_backend(wanted.backend, command != "list", argv);
  if (command == "counters") return counters(wanted.counters);
  if (command == "list") return list(wanted.topic, wanted.json);
  if (command == "devices") return devices(wanted.json);
  if (wanted.topic.empty() && !wanted.climb.sizes.empty())
    throw std::invalid_argument(
        fmt::format("--sizes: of which topic? Name one of {}.", topic_names()));
  wanted.climb.topic = wanted.topic;
  wanted.climb.json = wanted.json;
  return climb(wanted.climb);
}

}  // namespace
}  // namespace warpladder::cli

int main(int argc, char** argv) {
  try {
    return warpladder::cli::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "warpladder: {}\n", error.what());
    return 2;
  }
}
