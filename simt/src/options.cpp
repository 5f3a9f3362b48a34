// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace simt {
namespace {

options from_environment() {
  options result;
  if (const char* text = std::getenv("WARPLADDER_SIMT_SCHEDULE")) {
    if (std::strncmp(text, "random", 6) == 0 && (text[6] == '\0' || text[6] == ':')) {
      result.schedule = schedule::random;
      if (text[6] == ':') result.seed = std::strtoull(text + 7, nullptr, 10);
    } else if (std::strcmp(text, "round_robin") != 0) {
      std::fprintf(stderr,
                   "simt: WARPLADDER_SIMT_SCHEDULE=%s ignored; expected round_robin or "
                   "random[:SEED]\n",
                   text);
    }
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
