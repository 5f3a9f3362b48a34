// SPDX-License-Identifier: Apache-2.0
//
// A barrier of all blocks, and what people get wrong in it: every defect is a single change. The
// rung that it should be is grid_sync/03_atomic_counter.
#pragma once

#include <cuda_runtime.h>

#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/spin.cuh>

namespace warpladder::caught {

enum class barrier_defect {
  none,
  no_fence_before_arriving,  ///< others may see the arrival before what was written before it
  no_fence_after_polling,    ///< reads behind the barrier may be older than the last poll
  never_reset,               ///< from its second use on, the counter is full from the beginning
  reset_by_the_last,         ///< a block may be back at the barrier before another saw the zero
  no_block_barrier_before,   ///< thread 0 arrives for threads that have not written yet
  no_block_barrier_behind,   ///< the other threads do not wait for thread 0, which waits
  arrives_once_too_often,    ///< one block counts twice: the barrier opens without another
};

template <barrier_defect Defect>
__device__ void meet(unsigned* arrivals, unsigned round) {
  using enum barrier_defect;
  if constexpr (Defect != no_block_barrier_before) __syncthreads();
  if (threadIdx.x == 0) {
    if constexpr (Defect != no_fence_before_arriving) __threadfence();
    const unsigned arrived =
        atomicAdd(arrivals, Defect == arrives_once_too_often && blockIdx.x == 1 ? 2 : 1);
    if constexpr (Defect == reset_by_the_last) {
      if (arrived == gridDim.x - 1) {
        atomicExch(arrivals, 0);
      } else {
        while (load_relaxed(arrivals) != 0) pause_between_polls();
      }
    } else {
      const unsigned all = (Defect == never_reset ? 1 : round + 1) * gridDim.x;
      while (load_relaxed(arrivals) < all) pause_between_polls();
    }
    if constexpr (Defect != no_fence_after_polling) __threadfence();
  }
  if constexpr (Defect != no_block_barrier_behind) __syncthreads();
}

/// In every round each block leaves the round's number for all others. The last thread writes, the
/// first one arrives. The halves of the board, of zeros, take turns.
template <barrier_defect Defect>
__global__ void meet_often(unsigned rounds, unsigned* board, unsigned* arrivals, unsigned* wrong) {
  for (unsigned round = 0; round < rounds; ++round) {
    unsigned* const half = board + round % 2 * gridDim.x;
    if (threadIdx.x == blockDim.x - 1)
      half[blockIdx.x] = round + 1;  // BAD: no_fence_before_arriving, no_fence_after_polling
    meet<Defect>(arrivals, round);
    unsigned others = 0;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += blockDim.x)
      others += half[block] != round + 1;  // BAD: no_fence_before_arriving, no_fence_after_polling
    if (others != 0) atomicAdd(wrong, others);
  }
}

}  // namespace warpladder::caught
