// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// Somebody else on the same GPU: bursts of a kernel that fills every multiprocessor several times
/// over, with a large copy in each direction, and a pause. No deadlines, the least priority, a
/// thread and streams of its own. Threads that call the driver wait for each other there, which is
/// not what is to be shown: so one graph holds many bursts, pauses included, and its launch and a
/// sleeping wait are all that the thread asks of the driver every few milliseconds.
class background {
 public:
  static constexpr double wave_us = 20;  ///< one set of resident blocks, about
  static constexpr unsigned waves = 10;
  static constexpr std::size_t copy_bytes = std::size_t{8} << 20;
  static constexpr double pause_us = 100;
  static constexpr int bursts_per_launch = 8;

  /// Measures how much work takes wave_us. Throws cuda_error.
  background();
  ~background();

  void start();
  /// Waits for the last burst. Returns how many there were since the start.
  std::int64_t stop();

  double kernel_us() const { return kernel_us_; }  ///< of one burst, alone

 private:
  void burst();

  stream kernels_{0}, to_device_{0}, to_host_{0};
  event fork_, copied_[2];
  event done_{event::timing::off, event::host_wait::sleeps};
  cudaGraphExec_t bursts_graph_{};
  device_buffer<unsigned> word_{1};
  device_buffer<std::uint8_t> device_[2];
  pinned_buffer<std::uint8_t> host_[2];
  unsigned blocks_ = 0, rounds_ = 1000, pause_rounds_ = 1000;
  double kernel_us_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> bursts_{0};
  std::thread thread_;
};

}  // namespace warpladder::bench
