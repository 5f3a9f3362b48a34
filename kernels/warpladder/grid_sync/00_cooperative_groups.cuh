// SPDX-License-Identifier: Apache-2.0
//
// 00 cooperative_groups. The vendor's barrier: grid.sync(). CUDA C++ Programming Guide, "Grid
// Synchronization".
//
// A cooperative launch gives the grid a word in device memory, which the driver keeps. One thread
// per block fences, adds with an atomic whose answer it waits for, polls until the highest bit of
// the word has flipped, and fences. The addends of all blocks make 2^31 together, so the lower bits
// are zero again afterwards (cooperative_groups/details/sync.h).
// Latency: on an H100 a round trip to L2 is some 270 ns. The atomic is one, the poll that sees the
// last arrival another, the fence before them waits for a third: predicted 0.9 us, and more where
// hundreds of arrivals queue at one word.
#pragma once

#include <cooperative_groups.h>

#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024) cooperative_groups_kernel(problem p) {
  const auto grid = ::cooperative_groups::this_grid();
  detail::run_rounds(p, [&](std::uint32_t) { grid.sync(); });
}

struct cooperative_groups {
  static constexpr rung_info info{0, "cooperative_groups", "grid.sync()"};

  static support supports(const problem& p) { return detail::fits(cooperative_groups_kernel, p); }

  static std::size_t workspace_bytes(const problem&) { return 0; }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view) {
    return launch_resident(cooperative_groups_kernel, detail::resident_config(p, stream, 1), p);
  }
};

}  // namespace warpladder::grid_sync
