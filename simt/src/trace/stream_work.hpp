// SPDX-License-Identifier: Apache-2.0
// Order among the operations of all streams, and accesses to the same memory that have none. Order
// is what the program has asked for (streams, events, the legacy stream, waits of the host), not
// what has happened: one run, in any order, shows what is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace simt::trace {

// How many operations of each stream, by its number, come before something.
class stream_clock {
 public:
  void merge(const stream_clock& other) {
    for (const auto& [stream, count] : other.counts_) reach(stream, count);
  }
  void reach(std::uint64_t stream, std::uint64_t count) {
    std::uint64_t& known = counts_[stream];
    if (known < count) known = count;
  }
  void clear() { counts_.clear(); }
  bool covers(std::uint64_t stream, std::uint64_t count) const {
    const auto found = counts_.find(stream);
    return found != counts_.end() && found->second >= count;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> counts_;
};

// One operation of a stream, or a node of a graph that is launched into it.
struct stream_work {
  std::uint32_t id = 0;  // once it is performed
  std::uint64_t stream = 0, position = 0;
  std::uint64_t serial = 0;  // among the operations of all streams
  // What comes before it: all up to a serial number, and more.
  std::uint64_t all_before = 0;
  stream_clock before;
  // Of nodes: which one, and which ones of the same launch come before it.
  std::size_t node = 0;
  std::set<std::size_t> nodes_before;
  std::vector<std::uintptr_t> submitted_by;  // return addresses, the innermost first
  std::string what;                          // "kernel scale", "a copy"
};

#ifdef SIMT_TRACED
// Return addresses of the calling thread; none unless the session checks.
std::vector<std::uintptr_t> call_stack();

// The stream's thread performs this now; null: nothing any more. Forgotten unless the session
// checks.
void perform(std::shared_ptr<stream_work> work);
std::shared_ptr<stream_work> performed_now();

// What the operation that is being performed does with device memory (other memory is ignored).
void note_work(const char* what, const void* address, std::size_t bytes, bool writes);

// The same for what a kernel does, by whichever thread.
void note_kernel_work(const stream_work& work, std::uintptr_t address, unsigned bytes, bool writes,
                      bool atomic);
#else
inline std::vector<std::uintptr_t> call_stack() {
  return {};
}
inline void perform(std::shared_ptr<stream_work>) {}
inline std::shared_ptr<stream_work> performed_now() {
  return nullptr;
}
inline void note_work(const char*, const void*, std::size_t, bool) {}
#endif

}  // namespace simt::trace
