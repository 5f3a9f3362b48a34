// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <launch_overheads/device_launches.hpp>
#include <launch_overheads/lab.hpp>
#include <string>

namespace warpladder::bench {

/// A launch_report on the device, and what it should say.
class reports {
 public:
  explicit reports(stream_view on);

  launch_report* device() const { return on_device_.data(); }

  /// For kernels that together add `more` to the count.
  launch_report* expect(unsigned more) {
    expected_ += more;
    return device();
  }

  /// Wall time of `launch` and of waiting for it, with report->remaining == `iterations` before,
  /// which it counts down, and up to which it counts.
  timing waiting_for(lab& in, unsigned iterations, const lab::launcher& launch);

  /// Waits for the device. Throws if a launch on the device failed, or a kernel is missing.
  void check(const std::string& who);

 private:
  stream_view on_;
  device_buffer<launch_report> on_device_;
  unsigned expected_ = 0;
};

}  // namespace warpladder::bench
