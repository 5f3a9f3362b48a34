// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>
#include <warpladder/core/device.hpp>
#include <warpladder/core/rung.hpp>

namespace warpladder::cli {

/// The stem of the rung's file: "10_warp_tiled".
inline std::string full_name(const rung_info& rung) {
  return fmt::format("{:02}_{}", rung.step, rung.name);
}

inline bool is_wanted(const std::string& name, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (name.find(part) != name.npos) return true;
  }
  return parts.empty();
}

/// Why the rung cannot run on this device, whatever the problem; "" if it can.
inline std::string why_not_on(const rung_info& rung, const device_facts& device) {
  if (rung.min_compute_capability <= device.compute_capability) return {};
  return fmt::format("needs compute capability {}.{}, this device has {}.{}",
                     rung.min_compute_capability / 10, rung.min_compute_capability % 10,
                     device.compute_capability / 10, device.compute_capability % 10);
}

}  // namespace warpladder::cli
