// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <gemm.hpp>
#include <nlohmann/json.hpp>
#include <warpladder/core/device.hpp>

#include "backend.hpp"
#include "commands.hpp"
#include "rungs.hpp"
#include "table.hpp"

namespace warpladder::cli {
namespace {

std::string capability(int packed) {
  return fmt::format("{}.{}", packed / 10, packed % 10);
}

}  // namespace

int list(const std::string& topic, bool as_json) {
  device_facts facts;
  const bool found = has_device() && query_device(facts) == cudaSuccess;
  nlohmann::ordered_json all;
  for (const std::string_view name : topics) {
    if (!topic.empty() && topic != name) continue;
    table rows({{"rung"},
                {"idea", table::align::left, 60},
                {"needs", table::align::right},
                {"on the host"},
                {"here"}});
    for (const auto& rung : tables::gemm<float>()) {
      const std::string why_not = found ? why_not_on(rung.info, facts) : "no GPU";
      rows.add({full_name(rung.info), std::string(rung.info.idea),
                "cc " + capability(rung.info.min_compute_capability),
                rung.info.runs_on_host ? "yes" : "no", why_not.empty() ? "yes" : why_not});
      all[std::string(name)].push_back(
          {{"step", rung.info.step},
           {"name", rung.info.name},
           {"idea", rung.info.idea},
           {"min_compute_capability", rung.info.min_compute_capability},
           {"runs_on_host", rung.info.runs_on_host},
           {"supported_here", why_not.empty()},
           {"why_not", why_not}});
    }
    if (!as_json)
      fmt::print("{} (float32), {} backend\n\n{}\n", name, WARPLADDER_BACKEND, rows.text());
  }
  if (as_json) fmt::print("{}\n", all.dump(2));
  return 0;
}

}  // namespace warpladder::cli
