// SPDX-License-Identifier: Apache-2.0
// Traced mode: what a kernel asks of the memory system, per source line, and what it does wrong.
//
// Needs kernel code that was compiled for it: CMake's warpladder_add_traced_executable(), or the
// backend host_traced. Elsewhere the functions link, and available() says no.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simt/vector_types.hpp"

namespace simt::trace {

enum class memory_space {
  global,       // memory from cudaMalloc
  shared,       // the block's own
  distributed,  // shared memory of another block of the cluster
  host,         // pinned or registered host memory
};
enum class operation {
  load,
  store,
  atomic,
  async_copy,  // cp.async: global to shared memory, past the registers
  bulk_load,   // the copy engine's: whole tiles from global to shared memory, for one thread
  bulk_store,  // and back
};

constexpr std::string_view name_of(memory_space space) {
  constexpr std::string_view names[] = {"global", "shared", "distributed", "host"};
  return names[static_cast<int>(space)];
}
constexpr std::string_view name_of(operation what) {
  constexpr std::string_view names[] = {"load",       "store",     "atomic",
                                        "async copy", "bulk load", "bulk store"};
  return names[static_cast<int>(what)];
}

// What the accesses of one kind on one source line cost. A request is one instruction executed by
// one warp.
struct line_counters {
  std::string file;  // empty if the program has no line table
  unsigned line = 0;
  memory_space space{};
  operation what{};
  unsigned width = 0;  // bytes per lane
  std::uint64_t requests = 0;
  std::uint64_t lanes = 0;       // that took part, all requests together
  std::uint64_t bytes = 0;       // lanes * width
  std::uint64_t used_bytes = 0;  // distinct bytes per request, summed: what sectors could bring
  std::uint64_t sectors = 0;     // global: of 32 bytes, per request
  std::uint64_t wavefronts = 0;  // shared: passes through the banks
  std::uint64_t conflicts = 0;   // shared: wavefronts that more than one address per bank adds
};

// One launch, or several of the same kernel with the same configuration added up.
struct kernel_counters {
  std::string kernel;
  dim3 grid, block, cluster;
  std::size_t dynamic_shared_bytes = 0;
  std::uint64_t launches = 0;
  std::uint64_t barriers = 0;             // __syncthreads(), per warp
  std::uint64_t collectives = 0;          // shuffles, votes, __syncwarp(), per warp
  std::uint64_t distinct_read_bytes = 0;  // of global memory, in whole sectors: what must be read
  std::uint64_t distinct_written_bytes = 0;  // even by a cache that forgets nothing
  std::vector<line_counters> lines;          // in order of file and line
};

// A mistake in a kernel, described for people. Equal ones are reported once and counted.
struct finding {
  std::string detector;  // "shared-race", "uninitialized-shared", "out-of-bounds", ...
  std::string text;      // several lines: what, who, where
  std::uint64_t times = 1;
};

struct report {
  std::vector<kernel_counters> kernels;
  std::vector<finding> findings;
};

struct settings {
  bool count = true;   // fill report::kernels
  bool check = false;  // fill report::findings; about three times slower than counting
};

// True if this program's kernels were compiled for tracing.
bool available();

// Launches made from now on are traced, until stop(). start() forgets earlier results.
void start(const settings& wanted);

// Waits for all work, ends tracing and returns what was seen.
report stop();

// Gives device memory a name for reports, until it is freed.
void name_buffer(const void* device_pointer, std::string name);

}  // namespace simt::trace
