// SPDX-License-Identifier: Apache-2.0
// The pending cp.async copies of one CUDA thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "trace/tracer.hpp"

namespace simt {

class async_copy_queue {
 public:
  struct copy {
    char* dst;
    const char* src;
    std::uint32_t group;
    std::uint16_t bytes, src_bytes;
  };

  void push(void* dst, const void* src, int bytes, int src_bytes) {
    // A full ring completes its oldest copy early. That is legal, only less likely to expose a bug.
    if (tail_ - head_ == capacity) apply_oldest();
    ring_[tail_++ % capacity] = {static_cast<char*>(dst), static_cast<const char*>(src),
                                 open_group_, static_cast<std::uint16_t>(bytes),
                                 static_cast<std::uint16_t>(src_bytes)};
  }

  void commit() { ++open_group_; }

  void wait(std::uint32_t groups_left) {
    while (head_ != tail_ && ring_[head_ % capacity].group + groups_left < open_group_) {
      apply_oldest();
    }
  }

  void wait_all() {
    while (head_ != tail_) apply_oldest();
  }

  // At the end of the thread: nobody may count on it.
  void finish_unwaited() {
    while (head_ != tail_) move_oldest();
  }

  void reset() { head_ = tail_ = open_group_ = 0; }

 private:
  // Enough for 4 stages of 32 copies each, the most that a 64 KiB tile needs at 16 bytes a copy.
  static constexpr std::uint32_t capacity = 128;

  void apply_oldest() {
    const copy c = move_oldest();
    trace::async_copy_lands(c.dst, c.bytes);
  }

  const copy& move_oldest() {
    const copy& c = ring_[head_++ % capacity];
    // Constant sizes let the compiler use one move for the usual case.
    if (c.src_bytes == 16) {
      std::memcpy(c.dst, c.src, 16);
    } else {
      if (c.src_bytes > 0) std::memcpy(c.dst, c.src, c.src_bytes);
      if (c.bytes > c.src_bytes) std::memset(c.dst + c.src_bytes, 0, c.bytes - c.src_bytes);
    }
    return c;
  }

  std::uint32_t head_ = 0, tail_ = 0, open_group_ = 0;
  std::array<copy, capacity> ring_;
};

}  // namespace simt
