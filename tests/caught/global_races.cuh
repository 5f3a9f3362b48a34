// SPDX-License-Identifier: Apache-2.0
//
// Races on global memory: between threads, between blocks, and those that only a GPU shows, where a
// fence is missing.
#pragma once

#include <cooperative_groups.h>

#include <vector>
#include <warpladder/core/memory_order.cuh>

#include "traced_specimen.hpp"

namespace warpladder::caught {

template <bool Bad>
__global__ void same_word(float* out) {
  out[Bad ? threadIdx.x : blockIdx.x * 32 + threadIdx.x] = 1;  // BAD: two_blocks_write_one_word
}

template <bool Bad>
__global__ void plain_sum(const float* in, float* sum) {
  const float mine = in[blockIdx.x];
  if constexpr (Bad) {
    *sum += mine;  // BAD: plain_sum_of_all_blocks
  } else {
    atomicAdd(sum, mine);
  }
}

template <bool Bad>
__global__ void through_global(float* scratch, float* out) {
  const unsigned t = threadIdx.x;
  scratch[t] = float(t);  // BAD: global_scratch_without_barrier
  if constexpr (!Bad) __syncthreads();
  out[t] = scratch[63 - t];  // BAD: global_scratch_without_barrier
}

template <bool Bad>
__global__ void shift_blocks(float* data) {
  namespace cg = cooperative_groups;
  const unsigned i = blockIdx.x * 32 + threadIdx.x;
  const float next = data[(i + 32) % (gridDim.x * 32)];  // BAD: phases_without_grid_sync
  if constexpr (!Bad) cg::this_grid().sync();
  data[i] = next;  // BAD: phases_without_grid_sync
}

enum class fence { both, only_reader, only_writer };

/// Every block leaves a partial sum; the last one to be ready adds them up.
template <fence Fence>
__global__ void last_block(float* partial, unsigned* ready, float* sum) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = 1;  // BAD: last_block_reads_unfenced_sums, last_block_without_its_own_fence
  if constexpr (Fence != fence::only_reader) __threadfence();
  if (atomicAdd(ready, 1) != gridDim.x - 1) return;
  if constexpr (Fence != fence::only_writer) __threadfence();
  float total = 0;
  for (unsigned b = 0; b < gridDim.x; ++b)
    total += partial[b];  // BAD: last_block_reads_unfenced_sums, last_block_without_its_own_fence
  *sum = total;
}

/// The second block waits for the first one's flag.
template <fence Fence>
__global__ void flag(float* data, volatile int* raised, float* out) {
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    *data = 1;  // BAD: flag_without_fence_before_it, flag_without_fence_after_it
    if constexpr (Fence != fence::only_reader) __threadfence();
    *raised = 1;
  } else {
    while (*raised == 0) __nanosleep(20);
    if constexpr (Fence != fence::only_writer) __threadfence();
    *out = *data;  // BAD: flag_without_fence_before_it, flag_without_fence_after_it
  }
}

template <bool Bad>
__global__ void plain_flag(float* data, int* raised, float* out) {
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    *data = 1;  // BAD: flag_is_a_plain_store
    __threadfence();
    if constexpr (Bad) {
      *raised = 1;  // BAD: flag_is_a_plain_store
    } else {
      atomicExch(raised, 1);
    }
  } else {
    while (atomicAdd(raised, 0) == 0) __nanosleep(20);  // BAD: flag_is_a_plain_store
    __threadfence();
    *out = *data;  // BAD: flag_is_a_plain_store
  }
}

/// The same with the flag's own order instead of fences.
template <bool Bad>
__global__ void released_flag(float* data, unsigned* raised, float* out) {
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    *data = 1;  // BAD: flag_stored_without_release
    if constexpr (Bad) {
      store_relaxed(raised, 1);
    } else {
      store_release(raised, 1);
    }
  } else {
    while (load_acquire(raised) == 0) __nanosleep(20);
    *out = *data;  // BAD: flag_stored_without_release
  }
}

/// A block is the last one of a phase if its ticket says so, and the second phase goes on counting
/// where the first one stopped.
template <bool Bad>
__global__ void two_phases(float* partial, unsigned* tickets, float* sums) {
  for (unsigned phase = 0; phase < 2; ++phase) {
    partial[phase * gridDim.x + blockIdx.x] = 1;  // BAD: counter_used_twice
    __threadfence();
    unsigned* const counter = Bad ? tickets : tickets + phase;
    if (atomicAdd(counter, 1) != gridDim.x - 1) continue;
    __threadfence();
    float total = 0;
    for (unsigned b = 0; b < gridDim.x; ++b)
      total += partial[phase * gridDim.x + b];  // BAD: counter_used_twice
    sums[phase] = total;
  }
}

inline std::vector<traced_specimen> global_memory_specimens() {
  const auto reduce_with = [](auto kernel) {
    const auto partial = zeros<float>(4), sum = zeros<float>(1);
    const auto ready = zeros<unsigned>(1);
    return run({4, 32}, kernel, partial.data(), ready.data(), sum.data());
  };
  const auto wait_for = [](auto kernel) {
    const auto data = zeros<float>(1), out = zeros<float>(1);
    const auto raised = zeros<int>(1);
    return run({2, 32}, kernel, data.data(), raised.data(), out.data());
  };
  constexpr auto race = "global-race";
  return {
      specimen("two_blocks_write_one_word", race,
               [](auto bad) {
                 const auto out = zeros<float>(64);
                 return run({2, 32}, same_word<bad>, out.data());
               }),
      specimen("plain_sum_of_all_blocks", race,
               [](auto bad) {
                 const auto in = zeros<float>(4), sum = zeros<float>(1);
                 return run({4, 1}, plain_sum<bad>, in.data(), sum.data());
               }),
      specimen("global_scratch_without_barrier", race,
               [](auto bad) {
                 const auto scratch = zeros<float>(64), out = zeros<float>(64);
                 return run({1, 64}, through_global<bad>, scratch.data(), out.data());
               }),
      specimen("phases_without_grid_sync", race,
               [](auto bad) {
                 const auto data = zeros<float>(128);
                 return run({.grid = 4, .block = 32, .cooperative = true}, shift_blocks<bad>,
                            data.data());
               }),
      specimen("last_block_reads_unfenced_sums", race,
               [=](auto bad) {
                 return reduce_with(last_block < bad ? fence::only_reader : fence::both >);
               }),
      specimen("last_block_without_its_own_fence", race,
               [=](auto bad) {
                 return reduce_with(last_block < bad ? fence::only_writer : fence::both >);
               }),
      specimen("flag_without_fence_before_it", race,
               [=](auto bad) { return wait_for(flag < bad ? fence::only_reader : fence::both >); }),
      specimen("flag_without_fence_after_it", race,
               [=](auto bad) { return wait_for(flag < bad ? fence::only_writer : fence::both >); }),
      specimen("flag_is_a_plain_store", race, [=](auto bad) { return wait_for(plain_flag<bad>); }),
      specimen("flag_stored_without_release", race,
               [](auto bad) {
                 const auto data = zeros<float>(1), out = zeros<float>(1);
                 const auto raised = zeros<unsigned>(1);
                 return run({2, 32}, released_flag<bad>, data.data(), raised.data(), out.data());
               }),
      specimen("counter_used_twice", race,
               [](auto bad) {
                 simt::options options = simt::current_options();
                 options.workers = 1;  // one block after the other: no luck is involved
                 const simt::scoped_options scope(options);
                 const auto partial = zeros<float>(4), sums = zeros<float>(2);
                 const auto tickets = zeros<unsigned>(2);
                 return run({2, 1}, two_phases<bad>, partial.data(), tickets.data(), sums.data());
               }),
  };
}

}  // namespace warpladder::caught
