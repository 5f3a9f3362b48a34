// SPDX-License-Identifier: Apache-2.0
//
// 08 patient. Before: whoever polls delays those who still have to arrive, and empties its L1 at
// every turn.
//
// Idea: do not look before the others can have come. An arrival needs some 170 clocks to L2 and the
// slice of L2 takes one per clock, so each block waits so long and only then polls: 170 + blocks
// clocks, and where blocks share a multiprocessor a quarter of a clock for each thread of a block,
// as their inner barriers hold each other up (grid_barrier_tuning). The first poll then sees the
// barrier open, as a rule; if blocks come late nothing is lost, as the wait is over before. The
// polls are relaxed; one fence with acquire follows the last.
// And the counter: block 0 adds 2^31 - (blocks - 1), the others add 1. The highest bit flips when
// all are there, the bits below are zero again, for any grid and any number of kernels, without a
// reset; what grid.sync() does, too. All of it is the class warpladder::grid_barrier.
// Latency: release (one round trip), the wait (302 clocks at 132 blocks, 0.15 us), one poll (a
// round trip) and two __syncthreads(): predicted 0.83 us at 132 blocks of up to 256 threads, 0.86
// of 1024 threads, and 1.11 at 264 blocks of 1024.
// Limited by: the release, 0.4 us: writes have to be acknowledged before the arrival may be seen.
// The same without any order, which is wrong, would take 0.6 us.
#pragma once

#include <warpladder/grid_barrier.cuh>
#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024) patient_kernel(problem p, unsigned* word) {
  grid_barrier barrier(word);
  detail::run_rounds(p, [&](std::uint32_t) { barrier.sync(); });
}

struct patient {
  static constexpr rung_info info{8, "patient", "do not look before all can have come"};

  static support supports(const problem& p) { return detail::fits(patient_kernel, p); }

  static std::size_t workspace_bytes(const problem&) { return sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(patient_kernel, p, stream, workspace, 1);
  }
};

}  // namespace warpladder::grid_sync
