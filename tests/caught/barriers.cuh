// SPDX-License-Identifier: Apache-2.0
//
// Threads that wait at the wrong place, for the wrong lanes, or for ever.
#pragma once

#undef NDEBUG  // one of the defects is found by the kernel's own assert()
#include <cooperative_groups.h>

#include <cassert>
#include <vector>

#include "traced_specimen.hpp"

namespace warpladder::caught {

// ---- __syncthreads() ---------------------------------------------------------------------------

template <bool Bad>
__global__ void barrier_in_both_branches(int* out) {
  out[threadIdx.x] = 1;
  if (Bad && threadIdx.x >= 32) {
    __syncthreads();  // BAD: barrier_in_both_branches
  } else {
    __syncthreads();  // BAD: barrier_in_both_branches
  }
}

template <bool Bad>
__global__ void barrier_in_one_branch(int* out) {
  if (!Bad || threadIdx.x < 48) {
    out[threadIdx.x] = 1;
    __syncthreads();  // BAD: barrier_in_one_branch
  }
  __syncthreads();  // BAD: barrier_in_one_branch
  if (threadIdx.x == 0) *out = out[63];
}

// ---- masks -------------------------------------------------------------------------------------

template <bool Bad>
__global__ void shuffle_by_half(int* out) {
  const int lane = int(threadIdx.x);
  if (lane >= 16) return;
  const unsigned mask = Bad ? 0xffffffffu : 0x0000ffffu;
  out[lane] = __shfl_down_sync(mask, lane, 8);  // BAD: full_mask_in_half_a_warp
}

template <bool Bad>
__global__ void mask_after_exit(int n, int* out) {
  const int lane = int(threadIdx.x);
  const unsigned staying = __ballot_sync(0xffffffffu, lane < n);
  if (lane >= n) return;
  __syncwarp(staying);
  const unsigned mask = Bad ? 0xffffffffu : staying;
  out[lane] = __any_sync(mask, lane == 3);  // BAD: mask_names_exited_lanes
}

template <bool Bad>
__global__ void mask_of_others(int* out) {
  const int lane = int(threadIdx.x);
  const unsigned half = (lane < 16) != Bad ? 0x0000ffffu : 0xffff0000u;
  out[lane] = __shfl_sync(half, lane, 0, 16);  // BAD: mask_without_caller
}

template <bool Bad>
__global__ void different_collectives(int* out) {
  const int lane = int(threadIdx.x);
  int value;
  if (Bad && lane < 16) {
    value = __shfl_up_sync(0xffffffffu, lane, 1);  // BAD: mismatched_collectives
  } else {
    value = __shfl_down_sync(0xffffffffu, lane, 1);  // BAD: mismatched_collectives
  }
  out[lane] = value;
}

// ---- for ever ----------------------------------------------------------------------------------

template <bool Bad>
__global__ void warp_against_block(int* out) {
  const int lane = int(threadIdx.x);
  if (Bad && lane >= 16) {
    __syncthreads();  // BAD: barrier_against_collective
  }
  out[lane] = __shfl_xor_sync(0xffffffffu, lane, 16);  // BAD: barrier_against_collective
}

template <bool Bad>
__global__ void block_skips_grid_sync(int* out) {
  if (threadIdx.x == 0) out[blockIdx.x] = 1;
  if (Bad && blockIdx.x == 1) return;
  cooperative_groups::this_grid().sync();  // BAD: block_skips_grid_sync
  if (threadIdx.x == 0) out[2 + blockIdx.x] = out[blockIdx.x ^ 1];
}

template <bool Bad>
__global__ void wait_for_nobody(volatile int* flag) {
  if (threadIdx.x == 0) {
    __syncwarp(1u);  // BAD: spin_that_nobody_ends
    while (*flag == 0) __nanosleep(100);
  }
  if (!Bad && threadIdx.x == 1) *flag = 1;
}

template <bool Bad>
__global__ void asserts(int n, int* out) {
  assert(n % 32 == 0);  // BAD: assertion_in_kernel
  out[threadIdx.x] = n;
}

inline std::vector<traced_specimen> barrier_specimens() {
  const auto ints = [](const shape& how, auto kernel, auto... first) {
    const auto out = zeros<int>(64);
    return run(how, kernel, first..., out.data());
  };
  constexpr auto divergent = "divergent-barrier", mask = "bad-mask", deadlock = "deadlock";
  return {
      specimen("barrier_in_both_branches", divergent,
               [=](auto bad) {
                 return ints({1, 64}, barrier_in_both_branches<bad>);
               }),
      specimen("barrier_in_one_branch", divergent,
               [=](auto bad) {
                 return ints({1, 64}, barrier_in_one_branch<bad>);
               }),
      specimen("full_mask_in_half_a_warp", mask,
               [=](auto bad) {
                 return ints({1, 32}, shuffle_by_half<bad>);
               }),
      specimen("mask_names_exited_lanes", mask,
               [=](auto bad) {
                 return ints({1, 32}, mask_after_exit<bad>, 20);
               }),
      specimen("mask_without_caller", mask,
               [=](auto bad) {
                 return ints({1, 32}, mask_of_others<bad>);
               }),
      specimen("mismatched_collectives", mask,
               [=](auto bad) {
                 return ints({1, 32}, different_collectives<bad>);
               }),
      specimen("barrier_against_collective", deadlock,
               [=](auto bad) {
                 return ints({1, 32}, warp_against_block<bad>);
               }),
      specimen("block_skips_grid_sync", deadlock,
               [=](auto bad) {
                 return ints({.grid = 2, .block = 32, .cooperative = true},
                             block_skips_grid_sync<bad>);
               }),
      specimen("spin_that_nobody_ends", "no-progress",
               [=](auto bad) {
                 simt::options options = simt::current_options();
                 options.watchdog_seconds = 0.2;
                 const simt::scoped_options scope(options);
                 return ints({1, 32}, wait_for_nobody<bad>);
               }),
      specimen(
          "assertion_in_kernel", "assertion",
          [=](auto bad) {
            return ints({1, 32}, asserts<bad>, bad ? 33 : 32);
          },
          "n % 32 == 0"),
  };
}

}  // namespace warpladder::caught
