// SPDX-License-Identifier: Apache-2.0
// A barrier among blocks, each of which is one OS thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace simt {

class group_barrier {
 public:
  enum class outcome { completed, interrupted, can_not_complete };
  enum class leaving { counts_as_arrived, is_an_error };

  group_barrier(unsigned members, leaving rule) : members_(members), rule_(rule) {}

  // The number of completed phases. Stable for a block that has not yet arrived.
  std::uint64_t phase() const { return phase_.load(std::memory_order_acquire); }

  void arrive() {
    std::lock_guard lock(mutex_);
    ++arrived_;
    complete_if_all_arrived();
  }

  // A block has ended and will not arrive again.
  void leave() {
    std::lock_guard lock(mutex_);
    ++left_;
    if (rule_ == leaving::counts_as_arrived) {
      complete_if_all_arrived();
    } else {
      changed_.notify_all();
    }
  }

  // Wakes all who wait, now and later: the launch has failed.
  void interrupt() {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
  }

  // Sleeps until phase `token` is complete.
  outcome wait(std::uint64_t token) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (phase_.load(std::memory_order_relaxed) > token) return outcome::completed;
      if (interrupted_) return outcome::interrupted;
      if (rule_ == leaving::is_an_error && left_ > 0) return outcome::can_not_complete;
      changed_.wait(lock);
    }
  }

 private:
  void complete_if_all_arrived() {
    const unsigned staying = rule_ == leaving::counts_as_arrived ? members_ - left_ : members_;
    if (staying == 0 || arrived_ < staying) return;
    arrived_ = 0;
    phase_.fetch_add(1, std::memory_order_release);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint64_t> phase_{0};
  unsigned members_;
  leaving rule_;
  unsigned arrived_ = 0;
  unsigned left_ = 0;
  bool interrupted_ = false;
};

}  // namespace simt
