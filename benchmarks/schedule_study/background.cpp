// SPDX-License-Identifier: Apache-2.0
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
  const auto time_us = [&](unsigned blocks, unsigned rounds) {
    kernels_.record(begin);
    WARPLADDER_TRY(enqueue_noise(blocks, rounds, word_.data(), kernels_));
    kernels_.record(end);
    end.synchronize();
    return double(elapsed_ms(begin, end)) * 1e3;
  };
  constexpr unsigned resident_per_multiprocessor = 8;  // 2048 threads in blocks of 256
  blocks_ = resident_per_multiprocessor * waves * unsigned(device.multiprocessors);
  time_us(blocks_, rounds_);  // the first launch also loads the kernel
  rounds_ = unsigned(rounds_ * wave_us * waves / time_us(blocks_, rounds_)) + 1;
  kernel_us_ = time_us(blocks_, rounds_);
  constexpr unsigned sample = 20'000;
  pause_rounds_ = unsigned(sample * pause_us / time_us(1, sample)) + 1;

  cudaGraph_t captured{};
  WARPLADDER_TRY(cudaStreamBeginCapture(kernels_, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < bursts_per_launch; ++i) burst();
  WARPLADDER_TRY(cudaStreamEndCapture(kernels_, &captured));
  WARPLADDER_TRY(cudaGraphInstantiate(&bursts_graph_, captured, 0));
  WARPLADDER_TRY(cudaGraphDestroy(captured));
  WARPLADDER_TRY(cudaGraphUpload(bursts_graph_, kernels_));
  kernels_.synchronize();
}

background::~background() {
  stop();
  WARPLADDER_TRY_NOTHROW(cudaGraphExecDestroy(bursts_graph_));
}

/// Copies beside the kernel, and then the pause: one block, which waits.
void background::burst() {
  kernels_.record(fork_);
  to_device_.wait(fork_);
  to_host_.wait(fork_);
  WARPLADDER_TRY(enqueue_noise(blocks_, rounds_, word_.data(), kernels_));
  copy_async<std::uint8_t>(device_[0].view(), host_[0].view(), to_device_);
  copy_async<std::uint8_t>(host_[1].view(), device_[1].view(), to_host_);
  to_device_.record(copied_[0]);
  to_host_.record(copied_[1]);
  for (const event& each : copied_) kernels_.wait(each);
  WARPLADDER_TRY(enqueue_noise(1, pause_rounds_, word_.data(), kernels_));
}

void background::start() {
  stopping_ = false;
  bursts_ = 0;
  thread_ = std::thread([this] {
    try {
      for (; !stopping_; bursts_ += bursts_per_launch) {
        WARPLADDER_TRY(cudaGraphLaunch(bursts_graph_, kernels_));
        kernels_.record(done_);
        done_.synchronize();  // asleep: the core is not ours alone
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
