// SPDX-License-Identifier: Apache-2.0
//
// 04 sense_reversal. Before: all blocks poll the word that all blocks have yet to reach.
//
// Idea: two words. The last to arrive, whom the answer of its atomic tells that it is the last,
// resets the counter and reverses a sense in another line, and the others poll the sense, which
// nobody writes meanwhile. Sense reversal (Hensgen, Finkel and Manber, "Two Algorithms for Barrier
// Synchronization", 1988; Mellor-Crummey and Scott, 1991): the sense that opens this barrier is the
// one that keeps the next one closed, so that no block can be lapped, and nothing has to be reset
// in between.
// Latency: a chain of one more: arrival and its answer (a round trip), then the store of the sense
// on its way to L2, then the poll that sees it. Predicted 0.2 us slower than 03 with few blocks, on
// a machine whose atomics are done by L2 and bounce no cache lines; it should pay where polls are
// many, at a thousand blocks.
// Limited by: the length of the chain -> 07 release_acquire, which has no answer to wait for.
#pragma once

#include <warpladder/core/memory_order.cuh>
#include <warpladder/grid_sync/detail/resident.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::grid_sync {

static __global__ void __launch_bounds__(1024) sense_reversal_kernel(problem p, unsigned* words) {
  unsigned* const arrivals = words;
  unsigned* const sense = words + detail::words_per_line;
  detail::run_rounds(p, [&](std::uint32_t round) {
    __syncthreads();
    if (threadIdx.x == 0) {
      const unsigned open = (round + 1) % 2;
      if (fetch_add_acquire_release(arrivals, 1) == gridDim.x - 1) {
        store_relaxed(arrivals, 0);
        store_release(sense, open);
      } else {
        while (load_acquire(sense) != open) pause_between_polls();
      }
    }
    __syncthreads();
  });
}

struct sense_reversal {
  static constexpr rung_info info{4, "sense_reversal", "the last one opens, in another word"};

  static support supports(const problem& p) { return detail::fits(sense_reversal_kernel, p); }

  static std::size_t workspace_bytes(const problem&) { return words * sizeof(unsigned); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    return detail::launch_zeroed(sense_reversal_kernel, p, stream, workspace, words);
  }

 private:
  static constexpr std::size_t words = 2 * detail::words_per_line;
};

}  // namespace warpladder::grid_sync
