// SPDX-License-Identifier: Apache-2.0
//
// 30 gather. One thread looks up one element.
//
// Idea: none yet. What the access pattern costs and what caches hide of it is what this ladder
// measures, with random indices into a table that L2 can hold.
// Traffic: the loads of index and the stores of out are 4 sectors of 32 bytes per request, all
// used. The lookups of a warp fall into 32 different sectors: 32 per request, 12.5% used. Sorted
// indices share sectors (down to 4 per request), equal ones all of them (1). While L2 holds the
// table, a random lookup costs device memory 8 bytes, 2.7 ps at 3.0 TB/s, and L2 1.25 sectors,
// 7.4 ps at an assumed 170 G/s (5.5 TB/s).
// A thread waits for its index (device memory, 0.7 us), then for its element (L2, 0.2 us): 270 000
// resident threads could finish a lookup every 3.3 ps. Threads enough, by a factor of 2.
// Limited by: sectors at L2. Whether by the path of the loads as well -> 31 read_only.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/lookup_problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) gather_kernel(lookup_problem<T> p) {
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i < p.n) p.out[i] = p.table[p.index[i]];
}

struct gather {
  static constexpr rung_info info{30, "gather", "one lookup per thread"};
  struct tuning {
    static constexpr int threads = 256;
  };

  template <class T>
  static support supports(const lookup_problem<T>& p) {
    return detail::fits_grid(p.n, tuning::threads);
  }

  template <class T>
  static std::size_t workspace_bytes(const lookup_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const lookup_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(gather_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
