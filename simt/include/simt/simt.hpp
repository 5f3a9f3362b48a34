// SPDX-License-Identifier: Apache-2.0
// Control of the host executor: schedule, workers, the pretended device, and the last report; for
// tests also calls that fail on purpose, and counts of what has not been given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "simt/runtime_api.hpp"
#include "simt/trace_hooks.hpp"

namespace simt {

// Order in which the threads of a block run between two synchronisation points.
enum class schedule {
  round_robin,  // ascending thread index: fast, and the same every time
  random,       // a different order for every seed: finds missing barriers that round_robin hides
};

// When the operations of streams run, as far as the program leaves it open.
enum class stream_order {
  soon,    // as soon as they can, each stream by itself: fast, and hides most missing waits
  random,  // one at a time in an order that the seed decides, before the host goes on or long after
};

struct options {
  // OS threads that run the blocks of one ordinary launch; 0 = one per processor. Clusters and
  // cooperative launches use as many as they need, since their blocks are resident together.
  unsigned workers = 0;
  simt::schedule schedule = simt::schedule::round_robin;
  std::uint64_t seed = 0;  // of the random schedule
  stream_order streams = stream_order::soon;
  std::uint64_t stream_seed = 0;
  std::size_t stack_bytes = 64 * 1024;              // per CUDA thread
  int sm_count = 4;                                 // multiprocessors of the pretended device
  std::size_t memory_bytes = std::size_t{4} << 30;  // its memory
  bool poison_shared = true;  // fill shared memory with 0xFF bytes (NaN) before each block
  bool poison_global = true;  // the same for fresh cudaMalloc memory
  // A block in which every thread sleeps or spins in __nanosleep for so long fails; 0 = never.
  double watchdog_seconds = 60.0;
};

// The options that launches from now on use. The first call reads the environment:
// WARPLADDER_SIMT_SCHEDULE=round_robin|random[:SEED], WARPLADDER_SIMT_STREAMS=soon|random[:SEED]
// and WARPLADDER_SIMT_WORKERS=N.
options current_options();
void configure(const options& wanted);

// Sets options for a scope. Launches take a copy when they are made, so that work still queued at
// the end of the scope keeps its options; but not the order of streams, which is everybody's.
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

// ---- failures on purpose -----------------------------------------------------------------------

// What can be made to fail. Nothing has happened when a call fails.
enum class fault {
  device_allocation,  // cudaMalloc, cudaMallocPitch, cudaMallocAsync, cudaMallocManaged
  pinned_allocation,  // cudaMallocHost, cudaHostAlloc
  registration,       // cudaHostRegister
  stream_creation,
  event_creation,
  copy_submit,    // a cudaMemcpy of any kind returns the error
  kernel_launch,  // so does a launch
  // These two return success, and the work fails when its turn comes, having done nothing. Captured
  // work fails in every replay.
  copy_execution,
  kernel_execution,
};

// The error that a GPU would most likely give.
cudaError_t usual_error(fault where);

// From now on `after` calls of this kind succeed, the next `times` fail, and then all succeed
// again. Calls of all host threads count together, in the order in which they are made. Replaces
// what was injected at the same place before.
void inject_failure(fault where, std::uint64_t after, cudaError_t error, std::uint64_t times = 1);
inline void inject_failure(fault where, std::uint64_t after = 0) {
  inject_failure(where, after, usual_error(where));
}

// How many calls have failed on purpose since the last inject_failure at this place.
std::uint64_t failures_injected(fault where);

// Nothing fails on purpose any more.
void clear_failures();

// Injects a failure for a scope.
class scoped_failure {
 public:
  explicit scoped_failure(fault where, std::uint64_t after = 0)
      : scoped_failure(where, after, usual_error(where)) {}
  scoped_failure(fault where, std::uint64_t after, cudaError_t error, std::uint64_t times = 1)
      : where_(where) {
    inject_failure(where, after, error, times);
  }
  ~scoped_failure() { inject_failure(where_, 0, cudaSuccess, 0); }
  scoped_failure(const scoped_failure&) = delete;
  scoped_failure& operator=(const scoped_failure&) = delete;

  // How many calls it has made fail: 0 if the program never came that far.
  std::uint64_t count() const { return failures_injected(where_); }

 private:
  fault where_;
};

// ---- what has not been given back --------------------------------------------------------------

struct object_counts {
  std::size_t device_allocations = 0, device_bytes = 0;  // cudaMallocManaged included
  std::size_t pinned_allocations = 0, pinned_bytes = 0;
  std::size_t registrations = 0, registered_bytes = 0;
  std::size_t streams = 0, events = 0, graphs = 0, executable_graphs = 0;

  bool operator==(const object_counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const object_counts& counts);

// What the program has made and not yet destroyed: nothing leaked if it is the same before and
// after. Memory given to cudaFreeAsync counts until its stream has come that far: synchronize
// first.
object_counts live_objects();

}  // namespace simt
