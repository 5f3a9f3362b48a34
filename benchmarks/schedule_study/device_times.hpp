// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

#include "chain.hpp"
#include "host_time.hpp"

namespace warpladder::bench {

/// Times of the device as nanoseconds of CLOCK_MONOTONIC. Both ways of asking the device, events
/// and device_nanoseconds(), are read between two looks at the host's clock, many times, and the
/// narrowest pair counts. The clocks drift by parts in 10^5, a millisecond in a minute: so this is
/// done before and after, and what lies between is interpolated.
class device_times {
 public:
  explicit device_times(stream_view on) : on_(on) {
    event_before_ = read_event(base_, nullptr);
    stamp_before_ = read_stamp();
  }
  void finish() {
    event last(event::timing::on);
    event_after_ = read_event(last, base_);
    stamp_after_ = read_stamp();
  }

  /// For run_options::base.
  cudaEvent_t base() const { return base_; }

  double of_event(float ms) const { return interpolate(event_before_, event_after_, ms * 1e6); }
  double of_stamp(unsigned long long ns) const {
    return interpolate(stamp_before_, stamp_after_, double(ns));
  }
  /// Half of the widest pair: what any of these times may be off by.
  double uncertainty_us() const {
    double widest = 0;
    for (const reading& each : {event_before_, event_after_, stamp_before_, stamp_after_})
      widest = each.width_ns > widest ? each.width_ns : widest;
    return widest / 2 * 1e-3;
  }

 private:
  static constexpr int attempts = 200;
  struct reading {
    double host_ns = 0, device_ns = 0, width_ns = 1e18;
  };

  static double interpolate(const reading& before, const reading& after, double device_ns) {
    const double part = (device_ns - before.device_ns) / (after.device_ns - before.device_ns);
    return before.host_ns + part * (after.host_ns - before.host_ns);
  }

  /// Leaves the event of the narrowest pair in `best`; its time counts from `since`, or is 0.
  reading read_event(event& best, cudaEvent_t since) {
    reading found;
    for (int i = 0; i < attempts; ++i) {
      event now(event::timing::on);
      const std::int64_t before = monotonic_ns();
      on_.record(now);
      now.synchronize();
      if (keep_if_narrower(found, before, monotonic_ns())) std::swap(best, now);
    }
    if (since != nullptr) found.device_ns = double(elapsed_ms(since, best)) * 1e6;
    return found;
  }

  reading read_stamp() {
    reading found;
    for (int i = 0; i < attempts; ++i) {
      const std::int64_t before = monotonic_ns();
      WARPLADDER_TRY(enqueue_clock_reading(stamp_.data(), on_));
      on_.synchronize();
      if (keep_if_narrower(found, before, monotonic_ns())) found.device_ns = double(*stamp_.data());
    }
    return found;
  }

  static bool keep_if_narrower(reading& found, std::int64_t before, std::int64_t after) {
    if (double(after - before) >= found.width_ns) return false;
    found = {double(before + after) / 2, found.device_ns, double(after - before)};
    return true;
  }

  stream_view on_;
  pinned_buffer<unsigned long long> stamp_{1};
  event base_{event::timing::on};
  reading event_before_, event_after_, stamp_before_, stamp_after_;
};

}  // namespace warpladder::bench
