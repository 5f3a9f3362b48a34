// SPDX-License-Identifier: Apache-2.0
//
// Bytes on both sides of a transfer, between canaries.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/transfer/problem.hpp>

#include "guarded_array.hpp"

namespace warpladder::test {

using transfer::direction;
using bytes_array = guarded_array<unsigned char>;

inline constexpr direction both_ways[] = {direction::to_device, direction::to_host};

/// Byte i of what travels: no two pieces of 251 bytes at other places are alike.
inline unsigned char travelling(std::size_t i, unsigned salt = 0) {
  return static_cast<unsigned char>((i * 7 + i / 251 + i / 65536 + salt * 31) % 251);
}

/// Host memory with canaries around it, pageable or page-locked.
class host_memory {
 public:
  host_memory(std::size_t bytes, int offset, bool page_locked = false)
      : bytes_(bytes), front_(64 + static_cast<std::size_t>(offset)) {
    if (page_locked) {
      locked_ = pinned_buffer<unsigned char>(size());
    } else {
      pageable_.resize(size());
    }
    std::memset(begin(), guard, size());
  }

  unsigned char* data() { return begin() + front_; }
  std::size_t bytes() const { return bytes_; }
  void fill(unsigned salt) {
    for (std::size_t i = 0; i < bytes_; ++i) data()[i] = travelling(i, salt);
  }
  void wipe() { std::memset(data(), guard, bytes_); }
  /// The first `arrived` bytes are those that fill(salt) writes, and all others what they were.
  ::testing::AssertionResult holds(unsigned salt, std::size_t arrived) {
    for (std::size_t i = 0; i < size(); ++i) {
      const bool inside = i >= front_ && i < front_ + arrived;
      const unsigned char expected = inside ? travelling(i - front_, salt) : guard;
      if (begin()[i] != expected) {
        return ::testing::AssertionFailure()
               << "byte " << std::ptrdiff_t(i) - std::ptrdiff_t(front_) << " of " << bytes_
               << " on the host is " << int(begin()[i]) << ", expected " << int(expected);
      }
    }
    return ::testing::AssertionSuccess();
  }
  ::testing::AssertionResult holds(unsigned salt) { return holds(salt, bytes_); }

 private:
  static constexpr unsigned char guard = 0xA5;
  std::size_t size() const { return front_ + bytes_ + 64; }
  unsigned char* begin() { return pageable_.empty() ? locked_.data() : pageable_.data(); }

  std::size_t bytes_, front_;
  std::vector<unsigned char> pageable_;
  pinned_buffer<unsigned char> locked_;
};

/// Device memory, likewise.
class device_memory {
 public:
  device_memory(std::size_t bytes, int offset)
      : bytes_(bytes), array_(std::int64_t(bytes), offset, true) {
    wipe();
  }

  unsigned char* data() const { return array_.device(); }
  void fill(unsigned salt) {
    for (std::size_t i = 0; i < bytes_; ++i) array_[std::int64_t(i)] = travelling(i, salt);
    array_.upload();
  }
  void wipe() {
    for (std::size_t i = 0; i < bytes_; ++i) array_[std::int64_t(i)] = canary<unsigned char>();
    array_.upload();
  }
  ::testing::AssertionResult holds(unsigned salt, std::size_t arrived) const {
    bytes_array now = array_.download();
    for (std::size_t i = 0; i < bytes_; ++i) {
      const auto at = std::int64_t(i);
      const unsigned char expected = i < arrived ? travelling(i, salt) : canary<unsigned char>();
      if (now[at] != expected) {
        return ::testing::AssertionFailure()
               << "byte " << i << " of " << bytes_ << " on the device is " << int(now[at])
               << ", expected " << int(expected);
      }
      now[at] = array_[at];
    }
    if (now.same_bits(array_)) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "memory around the device's bytes was written";
  }
  ::testing::AssertionResult holds(unsigned salt) const { return holds(salt, bytes_); }

 private:
  std::size_t bytes_;
  bytes_array array_;
};

/// Both ends of a transfer, the source filled with salt 1.
struct transfer_ends {
  transfer_ends(direction way, std::size_t bytes, int host_offset = 0, int device_offset = 0,
                bool page_locked = false)
      : way(way),
        host(bytes, host_offset, page_locked),
        device(bytes, device_offset),
        bytes(bytes) {
    way == direction::to_device ? host.fill(1) : device.fill(1);
  }

  void* to() { return way == direction::to_device ? device.data() : host.data(); }
  const void* from() { return way == direction::to_device ? host.data() : device.data(); }
  /// The first `arrived` bytes of the source are in the destination, nothing else has changed.
  ::testing::AssertionResult arrived(std::size_t arrived) {
    const ::testing::AssertionResult on_host =
        host.holds(1, way == direction::to_device ? bytes : arrived);
    if (!on_host) return on_host;
    return device.holds(1, way == direction::to_device ? arrived : bytes);
  }
  ::testing::AssertionResult arrived() { return arrived(bytes); }

  direction way;
  host_memory host;
  device_memory device;
  std::size_t bytes;
};

}  // namespace warpladder::test
