// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include <cerrno>
#include <schedule_study/host_time.hpp>

namespace warpladder::bench {
namespace {

void sleep_until(std::int64_t ns) {
  // Absolute, so that what one wait is late by does not add to the next.
  const timespec wake{ns / 1'000'000'000, ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr) == EINTR) {
  }
}

}  // namespace

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void wait_until(std::int64_t ns) {
  if (monotonic_ns() < ns - spun_ns) sleep_until(ns - spun_ns);
  while (monotonic_ns() < ns) {
  }
}

on_one_core::on_one_core() {
  if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
  int last = CPU_SETSIZE - 1;
  while (last > 0 && !CPU_ISSET(last, &before_)) --last;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  pinned_ = sched_setaffinity(0, sizeof one, &one) == 0;
}

on_one_core::~on_one_core() {
  if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
}

std::vector<double> host_gaps_us(double seconds, double least_us) {
  const on_one_core here;
  std::vector<double> gaps;
  gaps.reserve(10000);
  std::int64_t last = monotonic_ns();
  for (const std::int64_t end = last + std::int64_t(seconds * 1e9); last < end;) {
    const std::int64_t now = monotonic_ns();
    if (double(now - last) >= least_us * 1e3) gaps.push_back(double(now - last) * 1e-3);
    last = now;
  }
  return gaps;
}

std::vector<double> late_wakeups_us(int count) {
  const on_one_core here;
  std::vector<double> late;
  for (int i = 0; i < count; ++i) {
    const std::int64_t wake = monotonic_ns() + 1'000'000;
    sleep_until(wake);
    late.push_back(double(monotonic_ns() - wake) * 1e-3);
  }
  return late;
}

}  // namespace warpladder::bench
