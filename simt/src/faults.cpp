// SPDX-License-Identifier: Apache-2.0
// Failures on purpose, and the counts that show what a failure has left behind.
#include "faults.hpp"

#include <array>
#include <mutex>
#include <ostream>

#include "memory.hpp"
#include "stream.hpp"

namespace simt {
namespace {

struct injected {
  std::uint64_t successes_left = 0, failures_left = 0, failed = 0;
  cudaError_t error = cudaSuccess;
};

struct injected_failures {
  std::mutex mutex;
  std::array<injected, static_cast<std::size_t>(fault::kernel_execution) + 1> at;

  injected& operator[](fault where) { return at[static_cast<std::size_t>(where)]; }
};

injected_failures& the_failures() {
  static injected_failures& instance = *new injected_failures;
  return instance;
}

}  // namespace

cudaError_t usual_error(fault where) {
  switch (where) {
    case fault::copy_submit:
      return cudaErrorInvalidValue;
    case fault::kernel_launch:
      return cudaErrorLaunchOutOfResources;
    case fault::copy_execution:
    case fault::kernel_execution:
      return cudaErrorIllegalAddress;
    default:
      return cudaErrorMemoryAllocation;
  }
}

void inject_failure(fault where, std::uint64_t after, cudaError_t error, std::uint64_t times) {
  auto& failures = the_failures();
  std::lock_guard lock(failures.mutex);
  failures[where] = {after, times, 0, error};
}

std::uint64_t failures_injected(fault where) {
  auto& failures = the_failures();
  std::lock_guard lock(failures.mutex);
  return failures[where].failed;
}

void clear_failures() {
  auto& failures = the_failures();
  std::lock_guard lock(failures.mutex);
  failures.at.fill({});
}

cudaError_t next_failure(fault where) {
  auto& failures = the_failures();
  std::lock_guard lock(failures.mutex);
  injected& wanted = failures[where];
  if (wanted.failures_left == 0) return cudaSuccess;
  if (wanted.successes_left > 0) {
    --wanted.successes_left;
    return cudaSuccess;
  }
  --wanted.failures_left;
  ++wanted.failed;
  return wanted.error;
}

object_counts live_objects() {
  object_counts counts;
  count_memory(counts);
  count_handles(counts);
  return counts;
}

std::ostream& operator<<(std::ostream& out, const object_counts& c) {
  return out << c.device_allocations << " device allocations of " << c.device_bytes << " bytes, "
             << c.pinned_allocations << " pinned of " << c.pinned_bytes << ", " << c.registrations
             << " registrations of " << c.registered_bytes << ", " << c.streams << " streams, "
             << c.events << " events, " << c.graphs << " graphs, " << c.executable_graphs
             << " executable graphs";
}

}  // namespace simt
