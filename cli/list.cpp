// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <warpladder/core/device.hpp>

#include "backend.hpp"
#include "commands.hpp"
#include "rungs.hpp"
#include "table.hpp"
#include "topics.hpp"

namespace warpladder::cli {

using simt::report::table;
namespace {

std::string capability(int packed) {
  return fmt::format("{}.{}", packed / 10, packed % 10);
}

}  // namespace

int list(const std::string& topic_name, bool as_json) {
  device_facts facts;
  const bool found = has_device() && query_device(facts) == cudaSuccess;
  nlohmann::ordered_json all;
  for (const topic& topic : topics_called(topic_name)) {
    for (const ladder_facts& ladder : topic.ladders) {
      table rows({{"rung"},
                  {"idea", table::align::left, 60},
                  {"needs", table::align::right},
                  {"on the host"},
                  {"here"}});
      for (const rung_info& rung : ladder.rungs) {
        const std::string why_not = found ? why_not_on(rung, facts) : "no GPU";
        rows.add({full_name(rung), std::string(rung.idea),
                  "cc " + capability(rung.min_compute_capability), rung.runs_on_host ? "yes" : "no",
                  why_not.empty() ? "yes" : why_not});
        all[topic.name].push_back({{"ladder", ladder.name},
                                   {"step", rung.step},
                                   {"name", rung.name},
                                   {"idea", rung.idea},
                                   {"min_compute_capability", rung.min_compute_capability},
                                   {"runs_on_host", rung.runs_on_host},
                                   {"supported_here", why_not.empty()},
                                   {"why_not", why_not}});
      }
      if (!as_json)
        fmt::print("{}{}, {} backend\n\n{}\n", ladder.title,
                   topic.has_roofline() ? " (float32)" : "", WARPLADDER_BACKEND, rows.text());
    }
  }
  if (as_json) fmt::print("{}\n", all.dump(2));
  return 0;
}

}  // namespace warpladder::cli
