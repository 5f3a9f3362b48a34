// SPDX-License-Identifier: Apache-2.0
//
// 05 tree. Before: all arrivals queue at one word, and L2 adds to a word about once per clock and
// partition, as long as nothing else comes between.
//
// Idea: a tree of counters. 32 blocks share a counter in a line of its own; the last of them, whom
// its atomic's answer tells so, arrives at the root, which all poll. The root sees a 32nd of the
// arrivals. (Yew, Tzeng and Lawrie, "Distributing Hot-Spot Addressing in Large-Scale
// Multiprocessors", 1987.)
// Latency: one round trip more, 0.27 us, as the answer of the lower counter has to be awaited. What
// it saves is the queue: at 132 blocks about 132 clocks, 0.08 us. Predicted slower than 03 up to
// some hundreds of blocks, faster at 1056 and more.
// Limited by: its height; a radix that is larger is 03, one that is smaller is higher.
#pragma once

#include <warpladder/core/math.hpp>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

struct tree_tuning {
  static constexpr unsigned radix = 32;
};

template <class Tuning>
__global__ void __launch_bounds__(1024) tree_kernel(problem p, unsigned* words) {
  const unsigned group = blockIdx.x / Tuning::radix, groups = ceil_div(gridDim.x, Tuning::radix);
  const unsigned members = min(Tuning::radix, gridDim.x - group * Tuning::radix);
  unsigned* const root = words;
  unsigned* const leaf = words + (1 + group) * detail::words_per_line;
  detail::run_rounds(p, [&](std::uint32_t round) {
    __syncthreads();
    if (threadIdx.x == 0) {
      const bool last = fetch_add_acquire_release(leaf, 1) == (round + 1) * members - 1;
      if (last) add_release(root, 1);
      while (int(load_acquire(root) - (round + 1) * groups) < 0) pause_between_polls();
    }
    __syncthreads();
  });
}

struct tree {
  static constexpr rung_info info{5, "tree", "32 blocks share a counter, the root counts those"};
  using tuning = tree_tuning;

  static support supports(const problem& p) { return detail::fits(tree_kernel<tuning>, p); }

  static std::size_t workspace_bytes(const problem& p) { return words(p) * sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(tree_kernel<tuning>, p, stream, workspace, words(p));
  }

 private:
  static std::size_t words(const problem& p) {
    return std::size_t(1 + ceil_div(p.blocks, tuning::radix)) * detail::words_per_line;
  }
};

}  // namespace warpladder::grid_sync
