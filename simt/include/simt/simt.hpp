// SPDX-License-Identifier: Apache-2.0
// Control of the host executor: schedule, workers, the pretended device, and the last report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "simt/trace_hooks.hpp"

namespace simt {

// Order in which the threads of a block run between two synchronisation points.
enum class schedule {
  round_robin,  // ascending thread index: fast, and the same every time
  random,       // a different order for every seed: finds missing barriers that round_robin hides
};

struct options {
  // OS threads that run the blocks of one ordinary launch; 0 = one per processor. Clusters and
  // cooperative launches use as many as they need, since their blocks are resident together.
  unsigned workers = 0;
  simt::schedule schedule = simt::schedule::round_robin;
  std::uint64_t seed = 0;
  std::size_t stack_bytes = 64 * 1024;              // per CUDA thread
  int sm_count = 4;                                 // multiprocessors of the pretended device
  std::size_t memory_bytes = std::size_t{4} << 30;  // its memory
  bool poison_shared = true;  // fill shared memory with 0xFF bytes (NaN) before each block
  bool poison_global = true;  // the same for fresh cudaMalloc memory
  // A block in which every thread sleeps or spins in __nanosleep for so long fails; 0 = never.
  double watchdog_seconds = 60.0;
};

// The options that launches from now on use. The first call reads the environment:
// WARPLADDER_SIMT_SCHEDULE=round_robin|random[:SEED] and WARPLADDER_SIMT_WORKERS=N.
options current_options();
void configure(const options& wanted);

// Sets options for a scope. Launches take a copy when they are made, so that work still queued at
// the end of the scope keeps its options.
class scoped_options {
 public:
  explicit scoped_options(const options& wanted) : saved_(current_options()) { configure(wanted); }
  ~scoped_options() { configure(saved_); }
  scoped_options(const scoped_options&) = delete;
  scoped_options& operator=(const scoped_options&) = delete;

 private:
  options saved_;
};

// What went wrong in the last launch that failed while running; empty if none did since the last
// clear_report(). The same text went to stderr.
std::string last_report();
void clear_report();

}  // namespace simt
