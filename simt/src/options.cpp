// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace simt {
namespace {

// Reads "random[:SEED]"; false if the variable does not exist or says something else.
bool asks_for_random(const char* variable, const char* otherwise, std::uint64_t& seed) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return false;
  if (std::strncmp(text, "random", 6) == 0 && (text[6] == '\0' || text[6] == ':')) {
    if (text[6] == ':') seed = std::strtoull(text + 7, nullptr, 10);
    return true;
  }
  if (std::strcmp(text, otherwise) != 0) {
    std::fprintf(stderr, "simt: %s=%s ignored; expected %s or random[:SEED]\n", variable, text,
                 otherwise);
  }
  return false;
}

options from_environment() {
  options result;
  if (asks_for_random("WARPLADDER_SIMT_SCHEDULE", "round_robin", result.seed)) {
    result.schedule = schedule::random;
  }
  if (asks_for_random("WARPLADDER_SIMT_STREAMS", "soon", result.stream_seed)) {
    result.streams = stream_order::random;
  }
  if (const char* text = std::getenv("WARPLADDER_SIMT_WORKERS")) {
    result.workers = static_cast<unsigned>(std::strtoul(text, nullptr, 10));
  }
  return result;
}

struct state {
  std::mutex mutex;
  options current = from_environment();
  std::string report;
  std::atomic<std::uint64_t> generation{1};
};

state& the_state() {
  static state& instance = *new state;
  return instance;
}

}  // namespace

options current_options() {
  state& s = the_state();
  std::lock_guard lock(s.mutex);
  return s.current;
}

void configure(const options& wanted) {
  state& s = the_state();
  std::lock_guard lock(s.mutex);
  s.current = wanted;
  ++s.generation;
}

std::uint64_t options_generation() {
  return the_state().generation;
}

std::string last_report() {
  state& s = the_state();
  std::lock_guard lock(s.mutex);
  return s.report;
}

void clear_report() {
  set_last_report({});
}

void set_last_report(std::string report) {
  state& s = the_state();
  std::lock_guard lock(s.mutex);
  s.report = std::move(report);
}

}  // namespace simt
