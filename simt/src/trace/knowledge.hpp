// SPDX-License-Identifier: Apache-2.0
// What happened before what: vector clocks, in the compressed form that the structure of CUDA
// allows. Two accesses race if neither happened before the other and one of them writes.
//
// A thread's clock advances whenever others may learn of its past. A block's epoch advances at each
// __syncthreads(), after which all threads of the block know everything from earlier epochs.
// Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978); Flanagan and
// Freund, "FastTrack" (2009), for keeping one writer per location.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace simt::trace {

// A moment in the life of one thread of one block.
struct stamp {
  std::uint32_t block = 0;
  std::uint32_t epoch = 0;
  std::uint32_t clock = 0;
  std::uint16_t thread = 0;
};

// Everything of a block's epochs before `epoch`, and of some threads also up to a clock in it.
struct block_view {
  std::uint32_t epoch = 0;
  std::map<std::uint16_t, std::uint32_t> clocks;

  bool knows(const stamp& s) const {
    if (s.epoch != epoch) return s.epoch < epoch;
    const auto found = clocks.find(s.thread);
    return found != clocks.end() && s.clock <= found->second;
  }
  void merge(const block_view& other) {
    if (other.epoch < epoch) return;
    if (other.epoch > epoch) {
      *this = other;
      return;
    }
    for (const auto& [thread, clock] : other.clocks) {
      auto& mine = clocks[thread];
      if (clock > mine) mine = clock;
    }
  }
};

// Of several blocks. Immutable once shared, as most threads share most of it.
using knowledge = std::map<std::uint32_t, block_view>;
using shared_knowledge = std::shared_ptr<const knowledge>;

inline shared_knowledge merged(const shared_knowledge& a, const shared_knowledge& b) {
  if (b == nullptr || a == b) return a;
  if (a == nullptr) return b;
  auto result = std::make_shared<knowledge>(*a);
  for (const auto& [block, view] : *b) (*result)[block].merge(view);
  return result;
}

inline bool knows(const shared_knowledge& k, const stamp& s) {
  if (k == nullptr) return false;
  const auto found = k->find(s.block);
  return found != k->end() && found->second.knows(s);
}

}  // namespace simt::trace
