// SPDX-License-Identifier: Apache-2.0
// What the memory system makes of one instruction of one warp. No caches, no timing: address
// arithmetic, compared with hardware counters pattern by pattern (docs/explain.md).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace simt::trace {

struct request {
  std::uint32_t lanes = 0;  // that take part
  std::uintptr_t address[32];
};

inline constexpr unsigned sector_bytes = 32;
inline constexpr unsigned banks = 32;
inline constexpr unsigned bank_bytes = 4;

namespace detail {

template <class Visit>
void for_each_lane(std::uint32_t lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(std::countr_zero(lanes));
}

// A set of at most Capacity numbers. Neighbouring lanes mostly bring neighbouring or equal numbers:
// the last one is tried first.
template <std::size_t Capacity>
class small_set {
 public:
  bool insert(std::uintptr_t value) {
    for (unsigned i = count_; i-- > 0;) {
      if (values_[i] == value) return false;
    }
    values_[count_++] = value;
    return true;
  }
  unsigned size() const { return count_; }

 private:
  std::array<std::uintptr_t, Capacity> values_;
  unsigned count_ = 0;
};

}  // namespace detail

// Loads and stores move every sector that some lane touches, once.
inline unsigned global_sectors(const request& r, unsigned width) {
  detail::small_set<64> sectors;
  detail::for_each_lane(r.lanes, [&](int lane) {
    sectors.insert(r.address[lane] / sector_bytes);
    sectors.insert((r.address[lane] + width - 1) / sector_bytes);
  });
  return sectors.size();
}

// Atomics on one address are done one after the other; the sector is visited each time.
inline unsigned global_atomic_sectors(const request& r) {
  unsigned total = 0;
  detail::for_each_lane(r.lanes, [&](int lane) {
    // The lane counts if no earlier lane has already brought its sector to this multiplicity.
    const auto multiplicity = [&](std::uintptr_t address, int up_to) {
      unsigned count = 0;
      detail::for_each_lane(r.lanes & ((2u << up_to) - 1),
                            [&](int other) { count += r.address[other] == address; });
      return count;
    };
    const unsigned mine = multiplicity(r.address[lane], lane);
    bool raises = true;
    detail::for_each_lane(r.lanes & ((1u << lane) - 1), [&](int other) {
      if (r.address[other] / sector_bytes == r.address[lane] / sector_bytes &&
          multiplicity(r.address[other], other) >= mine) {
        raises = false;
      }
    });
    total += raises;
  });
  return total;
}

inline unsigned distinct_bytes(const request& r, unsigned width) {
  detail::small_set<32> addresses;  // accesses are aligned, hence equal or disjoint
  detail::for_each_lane(r.lanes, [&](int lane) { addresses.insert(r.address[lane]); });
  return addresses.size() * width;
}

struct shared_cost {
  unsigned wavefronts;
  unsigned conflicts;
};

// A wavefront reads or writes one word in each of the 32 banks; all lanes that want the same word
// share it. Accesses of 8 (16) bytes go by half (quarter) warps. Loads whose lanes are equal in
// pairs (neighbours, or lanes two apart) need half as many passes.
inline shared_cost shared_wavefronts(const request& r, unsigned width, bool is_load) {
  unsigned lanes_per_pass = width <= 4 ? 32 : 128 / width;
  const auto equal_in_pairs = [&](int distance) {
    bool equal = true;
    detail::for_each_lane(r.lanes, [&](int lane) {
      const int other = lane ^ distance;
      equal &= !((r.lanes >> other) & 1u) || r.address[other] == r.address[lane];
    });
    return equal;
  };
  if (is_load && lanes_per_pass < 32 && (equal_in_pairs(1) || equal_in_pairs(2))) {
    lanes_per_pass *= 2;
  }
  shared_cost cost{0, 0};
  for (unsigned first = 0; first < 32; first += lanes_per_pass) {
    const auto pass =
        static_cast<std::uint32_t>(((std::uint64_t{1} << lanes_per_pass) - 1) << first);
    if ((r.lanes & pass) == 0) continue;
    std::array<detail::small_set<32>, banks> words;
    unsigned deepest = 0;
    detail::for_each_lane(r.lanes & pass, [&](int lane) {
      const std::uintptr_t last = (r.address[lane] + width - 1) / bank_bytes;
      for (std::uintptr_t word = r.address[lane] / bank_bytes; word <= last; ++word) {
        words[word % banks].insert(word);
        deepest = std::max(deepest, words[word % banks].size());
      }
    });
    cost.wavefronts += deepest;
    cost.conflicts += deepest - 1;
  }
  return cost;
}

// Lanes that hit the same bank wait for each other, at the same address too.
inline shared_cost shared_atomic_wavefronts(const request& r) {
  std::array<unsigned, banks> lanes{};
  unsigned deepest = 0;
  detail::for_each_lane(r.lanes, [&](int lane) {
    deepest = std::max(deepest, ++lanes[r.address[lane] / bank_bytes % banks]);
  });
  return {deepest, deepest - 1};
}

}  // namespace simt::trace
