// SPDX-License-Identifier: Apache-2.0
// Puts the accesses of single threads together to the requests of warps, and adds up what these
// cost. One object per OS thread.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cost.hpp"
#include "launch_record.hpp"

namespace simt::trace {

class request_counter {
 public:
  void begin_block(unsigned warps);
  void end_block(launch_record& record);  // the caller holds its mutex

  // The thread makes one access.
  void add(const counter_key& key, unsigned thread, std::uintptr_t address);
  // All lanes of the warp are at one point: what comes now belongs to new requests.
  void warp_meets(unsigned warp);

  // For what is not made of lanes.
  counts& totals(const counter_key& key) { return sites_[index_of(key)].so_far; }

  // True once in a while in a long loop, so that the lanes of a warp stay near each other and their
  // requests can be counted and forgotten.
  bool takes_a_break() { return std::exchange(wants_to_give_way_, false); }

 private:
  struct known_site {
    counter_key key{};
    counts so_far;
  };
  // The requests of one site and one warp since its lanes last met. The k-th access of every lane
  // belongs to the k-th request.
  struct site_log {
    std::array<std::uint32_t, 32> accesses{};
    std::vector<request> requests;
    std::uint32_t used = 0;
    std::uint32_t flushed = 0;  // requests already counted, of a loop that goes on and on
  };
  static constexpr std::uint32_t loop_chunk = 4096;

  unsigned index_of(const counter_key& key);
  static void count(const request& r, known_site& site);

  std::vector<known_site> sites_;
  std::unordered_map<std::uint64_t, unsigned> site_index_;
  std::uint64_t last_key_ = 0;
  unsigned last_index_ = 0;
  std::vector<std::vector<site_log>> logs_;     // by warp, site
  std::vector<std::vector<unsigned>> touched_;  // by warp: sites with requests
  bool wants_to_give_way_ = false;
};

}  // namespace simt::trace
