// SPDX-License-Identifier: Apache-2.0
#include <schedule_study/chain.hpp>
#include <schedule_study/workload.hpp>

namespace warpladder::bench {

std::string explain_invalid(const workload& all) {
  if (const std::string wrong = schedule::explain_invalid(timings(all)); !wrong.empty())
    return wrong;
  for (const task_chain& each : all) {
    const auto wrong = [&](const char* what) { return each.timing.name + ": " + what; };
    if (each.bytes() < sizeof(frame_header)) return wrong("frames are smaller than their header");
    if (each.width > 1u << 15 || each.height > 1u << 15) return wrong("frames are too large");
    if (each.passes < 1) return wrong("needs one pass at least");
    if (each.consumes.size() > most_consumed) return wrong("consumes too many tasks");
    for (const int other : each.consumes) {
      if (other < 0 || std::size_t(other) >= all.size()) return wrong("consumes an unknown task");
      if (&all[std::size_t(other)] == &each) return wrong("consumes itself");
    }
  }
  return {};
}

std::vector<schedule::task> timings(const workload& all) {
  std::vector<schedule::task> result;
  for (const task_chain& each : all) result.push_back(each.timing);
  return result;
}

workload vehicle() {
  // As somebody would list them. Priorities are rate-monotonic: the shorter the period, the more
  // urgent (Liu and Layland, 1973). Costs are measured by the study.
  enum { front, left, right, lidar, radar, fusion };
  const auto periodic = [](const char* name, std::int64_t period_us, std::int64_t phase_us,
                           std::int64_t deadline_us, int priority) {
    return schedule::task{name, period_us, phase_us, deadline_us, 0, priority};
  };
  return {{periodic("camera_front", 4000, 0, 4000, 1), 1024, 1024, 24, {}},
          {periodic("camera_left", 4000, 0, 4000, 1), 1024, 1024, 24, {}},
          {periodic("camera_right", 4000, 0, 4000, 1), 1024, 1024, 24, {}},
          {periodic("lidar", 10000, 0, 10000, 4), 2048, 1024, 12, {}},
          {periodic("radar", 5000, 0, 5000, 2), 1024, 512, 16, {}},
          {periodic("fusion", 5000, 3000, 5000, 3), 512, 512, 8, {front, left, lidar, radar}},
          {periodic("control", 1000, 0, 500, 0), 64, 64, 2, {fusion}}};
}

std::uint64_t fnv1a(const void* bytes, std::size_t count, std::uint64_t hash) {
  const auto* each = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ each[i]) * 0x100000001b3ull;
  return hash;
}

std::uint64_t fingerprint(const workload& all) {
  std::uint64_t hash = fnv1a(nullptr, 0);
  const auto add = [&](std::int64_t value) { hash = fnv1a(&value, sizeof value, hash); };
  for (const task_chain& each : all) {
    // Not the name, cost, deadline and priority: they change when a job runs, not what it computes.
    for (const std::int64_t value :
         {each.timing.period_us, each.timing.phase_us, std::int64_t{each.width},
          std::int64_t{each.height}, std::int64_t{each.passes}, std::int64_t(each.consumes.size())})
      add(value);
    for (const int other : each.consumes) add(other);
  }
  return hash;
}

}  // namespace warpladder::bench
