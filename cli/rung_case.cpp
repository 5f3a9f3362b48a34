// SPDX-License-Identifier: Apache-2.0
#include "rung_case.hpp"

#include "topics.hpp"

#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/trace.hpp>
#endif

namespace warpladder::cli {

std::vector<runnable_rung> all_rungs() {
  std::vector<runnable_rung> all;
  for (const topic& one : topics()) one.add_rungs(all);
  return all;
}

void name_buffer([[maybe_unused]] const void* device_pointer,
                 [[maybe_unused]] const std::string& name) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::trace::name_buffer(device_pointer, name);
#endif
}

}  // namespace warpladder::cli
