// SPDX-License-Identifier: Apache-2.0
//
// A place in a stream where it stops until the test lets it go on: what was submitted behind has
// certainly not run, and what is right then was right by order and not by luck.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder::test {

/// Enqueues a kernel that waits until *open != 0.
cudaError_t wait_until_open(const volatile int* open, cudaStream_t stream);

class gate {
 public:
  explicit gate(stream_view in) : in_(in), open_(1) {
    open_.data()[0] = 0;
    WARPLADDER_TRY(wait_until_open(open_.data(), in));
  }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  ~gate() {
    open();
    opener_ = {};
    cudaStreamSynchronize(in_);
  }

  void open() { std::atomic_ref(open_.data()[0]).store(1); }
  /// Opens some milliseconds from now, while the test waits for something behind the gate.
  void open_soon() {
    opener_ = std::jthread([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      open();
    });
  }

 private:
  stream_view in_;
  pinned_buffer<int> open_;
  std::jthread opener_;
};

}  // namespace warpladder::test
