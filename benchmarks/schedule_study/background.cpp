// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <exception>
#include <schedule_study/background.hpp>
#include <schedule_study/chain.hpp>
#include <warpladder/core/device.hpp>

namespace warpladder::bench {

background::background() {
  device_facts device;
  WARPLADDER_TRY(query_device(device));
  for (auto& each : device_) each = device_buffer<std::uint8_t>(copy_bytes);
  for (auto& each : host_) each = pinned_buffer<std::uint8_t>(copy_bytes);

  const event begin(event::timing::on), end(event::timing::on);
  const auto time_us = [&] {
    kernels_.record(begin);
    burst(false);
    kernels_.record(end);
    end.synchronize();
    return double(elapsed_ms(begin, end)) * 1e3;
  };
  constexpr unsigned resident_per_multiprocessor = 8;  // 2048 threads in blocks of 256
  blocks_ = resident_per_multiprocessor * waves * unsigned(device.multiprocessors);
  time_us();  // the first launch also loads the kernel
  rounds_ = unsigned(rounds_ * wave_us * waves / time_us()) + 1;
  kernel_us_ = time_us();
}

void background::burst(bool with_copies) {
  WARPLADDER_TRY(enqueue_noise(blocks_, rounds_, word_.data(), kernels_));
  if (!with_copies) return;
  kernels_.record(done_[0]);
  copy_async<std::uint8_t>(device_[0].view(), host_[0].view(), to_device_);
  to_device_.record(done_[1]);
  copy_async<std::uint8_t>(host_[1].view(), device_[1].view(), to_host_);
  to_host_.record(done_[2]);
}

void background::start() {
  stopping_ = false;
  bursts_ = 0;
  thread_ = std::thread([this] {
    try {
      for (; !stopping_; ++bursts_) {
        burst(true);
        for (const event& each : done_) each.synchronize();  // asleep: the core is not ours alone
        std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "background work: %s\n", error.what());
    }
  });
}

std::int64_t background::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  return bursts_;
}

}  // namespace warpladder::bench
