// SPDX-License-Identifier: Apache-2.0
// A set of the threads of one block: one bit each, so that a barrier releases 64 at a time.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace simt {

inline constexpr unsigned max_block_threads = 1024;

class thread_set {
 public:
  void insert(unsigned i) { words_[i / 64] |= bit(i); }
  void erase(unsigned i) { words_[i / 64] &= ~bit(i); }
  bool contains(unsigned i) const { return (words_[i / 64] & bit(i)) != 0; }
  void clear() { words_.fill(0); }

  bool empty() const {
    for (std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }

  // Moves all members of `other`, of a block of `count` threads, into this set.
  void take(thread_set& other, unsigned count) {
    for (unsigned w = 0; w * 64 < count; ++w) {
      words_[w] |= other.words_[w];
      other.words_[w] = 0;
    }
  }

  // The first member at or after `start`, going round; -1 if the set is empty.
  int next(unsigned start, unsigned count) const {
    const unsigned words = (count + 63) / 64;
    unsigned w = start / 64;
    std::uint64_t word = words_[w] & (~std::uint64_t{0} << (start % 64));
    for (unsigned visited = 0; visited <= words; ++visited) {
      if (word != 0)
        return static_cast<int>(w * 64 + static_cast<unsigned>(std::countr_zero(word)));
      w = w + 1 == words ? 0 : w + 1;
      word = words_[w];
    }
    return -1;
  }

 private:
  static constexpr std::uint64_t bit(unsigned i) { return std::uint64_t{1} << (i % 64); }
  std::array<std::uint64_t, max_block_threads / 64> words_{};
};

}  // namespace simt
