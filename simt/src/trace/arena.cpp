// SPDX-License-Identifier: Apache-2.0
#include "arena.hpp"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <new>

#include "cost.hpp"

namespace simt::trace {
namespace {

// As far as an index that is off by one row or one block of a usual kernel goes.
constexpr std::size_t gap = 64 * 1024;
constexpr std::size_t alignment = 4096;  // whole pages, so that freeing can give them back

struct ranges {
  std::mutex mutex;
  std::map<std::uintptr_t, device_range> by_start;  // freed ones too
};
ranges& the_ranges() {
  static ranges& instance = *new ranges;
  return instance;
}

// The last range that starts at or below the address. The caller holds the mutex.
device_range* below(std::uintptr_t address) {
  auto& table = the_ranges().by_start;
  auto after = table.upper_bound(address);
  return after == table.begin() ? nullptr : &std::prev(after)->second;
}

}  // namespace

arena& arena::instance() {
  static arena& the_arena = *new arena;
  return the_arena;
}

arena::arena() {
  base_ = reinterpret_cast<std::uintptr_t>(reserve(capacity_));
  next_ = base_ + gap;
  for (auto& bits : touched_) {
    bits = static_cast<std::uint8_t*>(reserve(capacity_ / sector_bytes / 8));
  }
}

void* arena::reserve(std::size_t bytes) {
  void* const made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) throw std::bad_alloc();
  return made;
}

void* arena::allocate(std::size_t bytes) {
  std::lock_guard lock(the_ranges().mutex);
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  if (whole + gap > base_ + capacity_ - next_) return nullptr;
  const std::uintptr_t start = next_;
  next_ += whole + gap;
  the_ranges().by_start[start] = {start, bytes, "buffer " + std::to_string(++allocations_), false};
  return reinterpret_cast<void*>(start);
}

void arena::release(void* pointer) {
  std::lock_guard lock(the_ranges().mutex);
  const auto found = the_ranges().by_start.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (found == the_ranges().by_start.end()) return;
  found->second.freed = true;
  const std::size_t whole = (found->second.bytes + alignment - 1) / alignment * alignment;
  madvise(pointer, whole, MADV_DONTNEED);
  // Whole pages of data have whole pages of shadow. Addresses are never used again.
  const std::size_t first_word = (found->first - base_) / 4;
  for (const auto& shadow : shadows_) {
    if (shadow.start == nullptr) continue;
    madvise(static_cast<char*>(shadow.start) + first_word * shadow.bytes_per_word,
            whole / 4 * shadow.bytes_per_word, MADV_DONTNEED);
  }
}

void arena::name(const void* pointer, std::string name) {
  std::lock_guard lock(the_ranges().mutex);
  if (device_range* const found = below(reinterpret_cast<std::uintptr_t>(pointer))) {
    found->name = std::move(name);
  }
}

std::optional<device_range> arena::find(std::uintptr_t address) {
  std::lock_guard lock(the_ranges().mutex);
  const device_range* const candidate = below(address);
  if (candidate == nullptr || candidate->freed || address - candidate->start >= candidate->bytes) {
    return std::nullopt;
  }
  return *candidate;
}

std::optional<device_range> arena::nearest(std::uintptr_t address) {
  std::lock_guard lock(the_ranges().mutex);
  const device_range* const before = below(address);
  const auto after = the_ranges().by_start.upper_bound(address);
  if (after == the_ranges().by_start.end()) {
    return before != nullptr ? std::optional(*before) : std::nullopt;
  }
  if (before == nullptr) return after->second;
  const std::uintptr_t offset = address - before->start;
  const bool is_inside = offset < before->bytes;  // of a freed one, or across the end of a live one
  return is_inside || offset - before->bytes <= after->second.start - address ? *before
                                                                              : after->second;
}

void arena::touch(std::uintptr_t first, std::uintptr_t last, bool write) {
  for (std::uintptr_t sector = (first - base_) / sector_bytes;
       sector <= (last - base_) / sector_bytes; ++sector) {
    const std::atomic_ref byte(touched_[write][sector / 8]);
    const auto bit = static_cast<std::uint8_t>(1u << sector % 8);
    if (!(byte.load(std::memory_order_relaxed) & bit)) {
      byte.fetch_or(bit, std::memory_order_relaxed);
    }
  }
}

std::uint64_t arena::touched_bytes(bool write) {
  std::lock_guard lock(the_ranges().mutex);
  std::uint64_t sectors = 0;
  for (const auto& [start, range] : the_ranges().by_start) {
    if (range.freed) continue;
    const std::uintptr_t first = (start - base_) / sector_bytes / 8;
    const std::uintptr_t last = (start + range.bytes - 1 - base_) / sector_bytes / 8;
    for (std::uintptr_t i = first; i <= last; ++i) {
      sectors += static_cast<unsigned>(std::popcount(touched_[write][i]));
    }
  }
  return sectors * sector_bytes;
}

void arena::clear_touched() {
  std::lock_guard lock(the_ranges().mutex);
  for (auto* bits : touched_) {
    madvise(bits, (next_ - base_) / sector_bytes / 8 / alignment * alignment + alignment,
            MADV_DONTNEED);
  }
}

void* arena::shadow(purpose what_for, std::size_t bytes_per_word) {
  std::lock_guard lock(the_ranges().mutex);
  auto& shadow = shadows_[static_cast<std::size_t>(what_for)];
  if (shadow.start == nullptr) {
    shadow = {reserve(capacity_ / 4 * bytes_per_word), bytes_per_word};
  }
  return shadow.start;
}

}  // namespace simt::trace
