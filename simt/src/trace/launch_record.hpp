// SPDX-License-Identifier: Apache-2.0
// What is collected during one traced launch, and over the whole session.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "checker.hpp"
#include "simt/trace.hpp"
#include "stream_work.hpp"

namespace simt::trace {

struct counter_key {
  std::uintptr_t site;
  memory_space space;
  operation what;
  unsigned width;
  auto operator<=>(const counter_key&) const = default;
};

struct counts {
  std::uint64_t requests = 0, lanes = 0, bytes = 0, used_bytes = 0;
  std::uint64_t sectors = 0, wavefronts = 0, conflicts = 0;

  counts& operator+=(const counts& other);
};

// A finding as it is noticed. Lines are looked up at the end, all together.
struct raw_finding {
  std::string detector;
  std::uintptr_t site = 0, other_site = 0;
  std::string text;  // "{site}" and "{other}" stand for the lines
  std::uint64_t times = 1;
};

class launch_record {
 public:
  launch_record(settings wanted, std::uint32_t generation) : with(wanted), order(generation) {}

  const settings with;
  launch_checker order;
  const void* kernel_module = nullptr;
  std::string kernel;
  std::shared_ptr<stream_work> work;  // what the launch is among the operations of all streams

  void add(const counter_key& key, const counts& more) { totals[key] += more; }
  void add(raw_finding found);

  std::mutex mutex;  // guards what follows
  std::map<counter_key, counts> totals;
  std::uint64_t barriers = 0, collectives = 0;
  std::map<std::uint32_t, class tracer*> running;  // blocks of clusters, by index
};

}  // namespace simt::trace
