// SPDX-License-Identifier: Apache-2.0
//
// The host's clock, waiting by it, and how well this host keeps time when nobody talks to a GPU.
#pragma once

#include <sched.h>

#include <cstdint>
#include <vector>

namespace warpladder::bench {

/// Nanoseconds of CLOCK_MONOTONIC.
std::int64_t monotonic_ns();

/// The last part of every wait is spun: 5 ms. A sleeping thread wakes up 50 us late (the kernel's
/// timer slack), and on a virtual machine a core that sleeps may be lent to others meanwhile.
/// Periods shorter than that never sleep, and cost a core.
inline constexpr std::int64_t spun_ns = 5'000'000;

/// Sleeps and then spins until monotonic_ns() says `ns`.
void wait_until(std::int64_t ns);

/// Keeps the calling thread on one core, as long as it lives: the last one it may use, as
/// interrupts are mostly served by the first. Threads that are started meanwhile inherit that:
/// start them before. Does nothing where it is not allowed.
class on_one_core {
 public:
  on_one_core();
  ~on_one_core();
  on_one_core(const on_one_core&) = delete;
  on_one_core& operator=(const on_one_core&) = delete;

  bool pinned() const { return pinned_; }

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

/// Spins for `seconds`, and returns how long the thread was away each time that two looks at the
/// clock were further apart than `least_us`. In microseconds.
std::vector<double> host_gaps_us(double seconds, double least_us);

/// How many microseconds too late clock_nanosleep comes back from sleeping 1 ms, `count` times.
std::vector<double> late_wakeups_us(int count);

}  // namespace warpladder::bench
