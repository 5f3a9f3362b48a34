// SPDX-License-Identifier: Apache-2.0
// Device memory of a traced program: one range of addresses, so that any address can be told to be
// device memory or not, with wide gaps between the buffers, so that running off one is noticed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace simt::trace {

struct device_range {
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  std::string name;  // "buffer 3" unless the program named it
  bool freed = false;
};

class arena {
 public:
  static arena& instance();

  void* allocate(std::size_t bytes);  // null if the range of addresses is used up
  void release(void* pointer);
  void name(const void* pointer, std::string name);

  bool contains(std::uintptr_t address) const { return address - base_ < capacity_; }
  std::uintptr_t base() const { return base_; }

  // The live buffer that holds the address.
  std::optional<device_range> find(std::uintptr_t address);
  // The buffer, live or freed, that an address outside of all of them was probably meant for.
  std::optional<device_range> nearest(std::uintptr_t address);

  // ---- sectors touched by the launches since the last clear_touched() ----
  void touch(std::uintptr_t first, std::uintptr_t last, bool write);
  std::uint64_t touched_bytes(bool write);
  void clear_touched();

  // Address space for `bytes_per_word` zero bytes per 4-byte word of the arena, used as far as it
  // is touched.
  enum class purpose { order_of_threads, order_of_streams };
  void* shadow(purpose what_for, std::size_t bytes_per_word);

 private:
  arena();
  void* reserve(std::size_t bytes);

  static constexpr std::size_t capacity_ = std::size_t{1} << 38;
  std::uintptr_t base_ = 0;
  std::uintptr_t next_ = 0;
  std::uint8_t* touched_[2] = {};
  struct {
    void* start = nullptr;
    std::size_t bytes_per_word = 0;
  } shadows_[2];
  unsigned allocations_ = 0;
};

}  // namespace simt::trace
