// SPDX-License-Identifier: Apache-2.0
#include "request_counter.hpp"

#include <algorithm>
#include <bit>

namespace simt::trace {

counts& counts::operator+=(const counts& other) {
  requests += other.requests;
  lanes += other.lanes;
  bytes += other.bytes;
  used_bytes += other.used_bytes;
  sectors += other.sectors;
  wavefronts += other.wavefronts;
  conflicts += other.conflicts;
  return *this;
}

void request_counter::begin_block(unsigned warps) {
  if (logs_.size() < warps) {
    logs_.resize(warps);
    touched_.resize(warps);
  }
}

void request_counter::end_block(launch_record& record) {
  for (unsigned warp = 0; warp < touched_.size(); ++warp) warp_meets(warp);
  for (known_site& site : sites_) {
    if (site.so_far.requests + site.so_far.sectors == 0) continue;
    record.add(site.key, site.so_far);
    site.so_far = {};
  }
}

unsigned request_counter::index_of(const counter_key& key) {
  const std::uint64_t packed = (std::uint64_t{key.site} << 12) ^ (std::uint64_t(key.width) << 6) ^
                               (std::uint64_t(key.space) << 3) ^ std::uint64_t(key.what);
  if (packed == last_key_) return last_index_;
  const auto [entry, is_new] = site_index_.try_emplace(packed, unsigned(sites_.size()));
  if (is_new) sites_.push_back({key, {}});
  last_key_ = packed;
  return last_index_ = entry->second;
}

void request_counter::add(const counter_key& key, unsigned thread, std::uintptr_t address) {
  const unsigned index = index_of(key);
  const unsigned warp = thread / 32, lane = thread % 32;
  auto& logs = logs_[warp];
  if (logs.size() <= index) logs.resize(index + 16);
  site_log& log = logs[index];
  if (log.used == 0) touched_[warp].push_back(index);
  const std::uint32_t nth = log.accesses[lane]++;
  if (nth % loop_chunk == loop_chunk - 1) wants_to_give_way_ = true;
  if (nth < log.flushed) {  // far behind its warp: a request of its own
    request alone;
    alone.lanes = 1u << lane;
    alone.address[lane] = address;
    count(alone, sites_[index]);
    return;
  }
  if (nth - log.flushed == 3 * loop_chunk) {
    for (std::uint32_t k = 0; k < loop_chunk; ++k) count(log.requests[k], sites_[index]);
    std::copy(log.requests.begin() + loop_chunk, log.requests.begin() + log.used,
              log.requests.begin());
    log.used -= loop_chunk;
    log.flushed += loop_chunk;
  }
  const std::uint32_t k = nth - log.flushed;
  if (k >= log.used) {
    log.used = k + 1;
    if (log.requests.size() < log.used) log.requests.resize(log.used * 2);
    log.requests[k].lanes = 0;
  }
  request& r = log.requests[k];
  r.lanes |= 1u << lane;
  r.address[lane] = address;
}

void request_counter::warp_meets(unsigned warp) {
  for (const unsigned index : touched_[warp]) {
    site_log& log = logs_[warp][index];
    for (std::uint32_t k = 0; k < log.used; ++k) count(log.requests[k], sites_[index]);
    log.used = log.flushed = 0;
    log.accesses.fill(0);
  }
  touched_[warp].clear();
}

void request_counter::count(const request& r, known_site& site) {
  const counter_key& key = site.key;
  const auto lanes = static_cast<unsigned>(std::popcount(r.lanes));
  counts& c = site.so_far;
  ++c.requests;
  c.lanes += lanes;
  c.bytes += lanes * key.width;
  c.used_bytes += distinct_bytes(r, key.width);
  const bool atomic = key.what == operation::atomic;
  if (key.space == memory_space::shared || key.space == memory_space::distributed) {
    const shared_cost cost = atomic ? shared_atomic_wavefronts(r)
                                    : shared_wavefronts(r, key.width, key.what == operation::load);
    c.wavefronts += cost.wavefronts;
    c.conflicts += cost.conflicts;
  } else {
    c.sectors += atomic ? global_atomic_sectors(r) : global_sectors(r, key.width);
  }
}

}  // namespace simt::trace
