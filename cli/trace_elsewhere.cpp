// SPDX-License-Identifier: Apache-2.0
//
// explain and check belong to the program whose kernels are compiled for tracing; main() hands over
// to it. Only counters does something here: one launch of every rung, for Nsight Compute to watch.

#include <fmt/format.h>

#include <stdexcept>
#include <warpladder/core/error.hpp>
#include <warpladder/core/stream.hpp>

#include "commands.hpp"
#include "rung_case.hpp"

namespace warpladder::cli {

int explain(const explain_options&) {
  throw std::logic_error("explain needs the traced program");
}
int check(const check_options&) {
  throw std::logic_error("check needs the traced program");
}

int counters(const counters_options& wanted) {
  const stream on;
  for (const runnable_rung& rung : all_rungs()) {
    if (!rung.info.runs_on_host || !rung.has_counters ||
        rung.name.find(wanted.rung) == rung.name.npos)
      continue;
    for (const std::string& shape : rung.shapes) {
      const rung_case made = rung.make(shape);
      if (!made.why_not.empty()) continue;
      WARPLADDER_TRY(made.launch(on));
      on.synchronize();
      fmt::print("{} {}\n", rung.name, made.shape);
      break;
    }
  }
  return 0;
}

}  // namespace warpladder::cli
