// SPDX-License-Identifier: Apache-2.0
#include "rung_case.hpp"

#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/trace.hpp>
#endif

namespace warpladder::cli {

std::vector<runnable_rung> all_rungs() {
  std::vector<runnable_rung> all;
  add_gemm_rungs(all);
  add_memory_rungs(all);
  return all;
}

void name_buffer([[maybe_unused]] const void* device_pointer,
                 [[maybe_unused]] const std::string& name) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::trace::name_buffer(device_pointer, name);
#endif
}

}  // namespace warpladder::cli
