// SPDX-License-Identifier: Apache-2.0
//
// Races on shared memory, and reads of shared memory that nobody has written.
#pragma once

#include <cooperative_groups.h>

#include <vector>
#include <warpladder/core/shared_memory.cuh>

#include "traced_specimen.hpp"

namespace warpladder::caught {

// ---- a barrier is missing ----------------------------------------------------------------------

template <bool Bad>
__global__ void neighbour(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];  // BAD: neighbour_before_barrier
  if constexpr (!Bad) __syncthreads();
  out[t] = tile[(t + 1) % 64];  // BAD: neighbour_before_barrier
}

template <bool Bad>
__global__ void reverse(const float* in, float* out) {
  float* const tile = dynamic_shared<float>();
  const unsigned t = threadIdx.x, last = blockDim.x - 1;
  tile[t] = in[t];  // BAD: reverse_in_dynamic_memory
  if constexpr (!Bad) __syncthreads();
  out[t] = tile[last - t];  // BAD: reverse_in_dynamic_memory
}

template <bool Bad>
__global__ void broadcast(const float* in, float* out) {
  __shared__ float chosen;
  if (threadIdx.x == 0) chosen = in[7];  // BAD: broadcast_by_thread_0
  if constexpr (!Bad) __syncthreads();
  out[threadIdx.x] = chosen;  // BAD: broadcast_by_thread_0
}

template <bool Bad>
__global__ void shift_in_place(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];
  __syncthreads();
  const float next = tile[(t + 1) % 64];  // BAD: overwrites_what_others_read
  if constexpr (!Bad) __syncthreads();
  tile[t] = next;  // BAD: overwrites_what_others_read
  __syncthreads();
  out[t] = tile[63 - t];
}

template <bool Bad>
__global__ void pad_with_zeros(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];  // BAD: two_writers
  if constexpr (!Bad) __syncthreads();
  if (t < 4) tile[63 - t] = 0;  // BAD: two_writers
  __syncthreads();
  out[t] = tile[t];
}

/// One barrier per step is enough for two buffers, not for one.
template <bool Bad>
__global__ void stages(const float* in, float* out) {
  constexpr int buffers = Bad ? 1 : 2;
  __shared__ float tile[buffers][64];
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    tile[k % buffers][t] = in[k * 64 + t];  // BAD: one_barrier_too_few_for_one_buffer
    __syncthreads();
    sum += tile[k % buffers][63 - t];  // BAD: one_barrier_too_few_for_one_buffer
  }
  out[t] = sum;
}

template <bool Bad>
__global__ void reduce(const float* in, float* out) {
  __shared__ float sums[128];
  const unsigned t = threadIdx.x;
  sums[t] = in[t];
  __syncthreads();
  for (unsigned half = 64; half > 0; half /= 2) {
    if (t < half) sums[t] += sums[t + half];  // BAD: reduction_without_barrier_in_loop
    if constexpr (!Bad) __syncthreads();
  }
  if (t == 0) *out = sums[0];
}

template <bool Bad>
__global__ void scan_in_place(const float* in, float* out) {
  __shared__ float sums[64];
  const unsigned t = threadIdx.x;
  sums[t] = in[t];
  __syncthreads();
  for (unsigned distance = 1; distance < 64; distance *= 2) {
    const float left = t >= distance ? sums[t - distance] : 0;  // BAD: scan_without_second_buffer
    if constexpr (!Bad) __syncthreads();
    sums[t] += left;  // BAD: scan_without_second_buffer
    __syncthreads();
  }
  out[t] = sums[t];
}

template <bool Bad>
__global__ void transpose(const float* in, float* out) {
  __shared__ float tile[16][17];
  const unsigned x = threadIdx.x, y = threadIdx.y;
  tile[y][x] = in[y * 16 + x];  // BAD: transposed_too_early
  if constexpr (!Bad) __syncthreads();
  out[y * 16 + x] = tile[x][y];  // BAD: transposed_too_early
}

template <bool Bad>
__global__ void histogram(const int* in, int* out) {
  __shared__ int bins[8];
  const unsigned t = threadIdx.x;
  if (t < 8) bins[t] = 0;
  __syncthreads();
  const unsigned key = unsigned(in[t]) % 8;
  if constexpr (Bad) {
    ++bins[key];  // BAD: histogram_without_atomics
  } else {
    atomicAdd(&bins[key], 1);
  }
  __syncthreads();
  if (t < 8) out[t] = bins[t];
}

template <bool Bad>
__global__ void reads_counter(int* out) {
  __shared__ int counter;
  if (threadIdx.x == 0) counter = 0;
  __syncthreads();
  atomicAdd(&counter, 1);  // BAD: counter_read_too_early
  if constexpr (!Bad) __syncthreads();
  out[threadIdx.x] = counter;  // BAD: counter_read_too_early
}

// ---- the barrier is too narrow -----------------------------------------------------------------

template <bool Bad>
__global__ void across_warps(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];  // BAD: syncwarp_for_two_warps
  if constexpr (Bad) {
    __syncwarp();
  } else {
    __syncthreads();
  }
  out[t] = tile[t ^ 32];  // BAD: syncwarp_for_two_warps
}

template <bool Bad>
__global__ void within_warp(const float* in, float* out) {
  __shared__ float tile[32];
  const unsigned lane = threadIdx.x;
  tile[lane] = in[lane];  // BAD: lockstep_of_a_warp
  if constexpr (!Bad) __syncwarp();
  out[lane] = tile[lane ^ 1];  // BAD: lockstep_of_a_warp
}

/// The last steps of a reduction, by one warp: right on GPUs before Volta.
template <bool Bad>
__global__ void reduce_tail(const float* in, float* out) {
  __shared__ float sums[64];
  const unsigned t = threadIdx.x;
  sums[t] = in[t];
  __syncthreads();
  if (t >= 32) return;
  for (unsigned half = 32; half > 0; half /= 2) {
    if (t < half) sums[t] += sums[t + half];  // BAD: reduction_tail_in_lockstep
    if constexpr (!Bad) __syncwarp();
  }
  if (t == 0) *out = sums[0];
}

/// Half of a warp synchronises; what it shares comes from the other half.
template <bool Bad>
__global__ void half_warps(const float* in, float* out) {
  __shared__ float tile[32];
  const unsigned lane = threadIdx.x;
  tile[lane] = in[lane];  // BAD: syncwarp_of_half_a_warp
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  __syncwarp(Bad ? half : ~0u);
  out[lane] = tile[lane ^ 16];  // BAD: syncwarp_of_half_a_warp
}

/// Blocks of a cluster read each other's shared memory.
template <bool Bad>
__global__ void cluster_neighbour(float* out) {
  namespace cg = cooperative_groups;
  __shared__ float mine[32];
  const cg::cluster_group cluster = cg::this_cluster();
  mine[threadIdx.x] = float(blockIdx.x);  // BAD: cluster_without_barrier
  if constexpr (Bad) {
    __syncthreads();
  } else {
    cluster.sync();
  }
  const float* const theirs = cluster.map_shared_rank(mine, int(cluster.block_rank()) ^ 1);
  out[blockIdx.x * 32 + threadIdx.x] = theirs[threadIdx.x];  // BAD: cluster_without_barrier
  cluster.sync();  // nobody leaves before it has been read
}

// ---- nobody has written it ---------------------------------------------------------------------

template <bool Bad>
__global__ void halo(const float* in, float* out) {
  __shared__ float tile[34];
  const unsigned t = threadIdx.x;
  tile[t + 1] = in[t];
  if (!Bad && t < 2) tile[t * 33] = 0;
  __syncthreads();
  out[t] = tile[t] + tile[t + 2];  // BAD: halo_never_written
}

template <bool Bad>
__global__ void accumulate(const float* in, float* out) {
  float* const sums = dynamic_shared<float>();
  const unsigned t = threadIdx.x;
  if (!Bad) sums[t] = 0;
  for (unsigned i = t; i < 256; i += 64) sums[t] += in[i];  // BAD: sums_never_zeroed
  out[t] = sums[t];
}

template <bool Bad>
__global__ void count_positive(const float* in, int* out) {
  __shared__ int counter;
  if (!Bad && threadIdx.x == 0) counter = 0;
  __syncthreads();
  if (in[threadIdx.x] >= 0) atomicAdd(&counter, 1);  // BAD: counter_never_zeroed
  __syncthreads();
  if (threadIdx.x == 0) *out = counter;
}

inline std::vector<traced_specimen> shared_memory_specimens() {
  const auto floats = [](const shape& how, auto kernel) {
    const auto in = zeros<float>(256), out = zeros<float>(256);
    return run(how, kernel, in.data(), out.data());
  };
  constexpr auto race = "shared-race", unwritten = "uninitialized-shared";
  return {
      specimen("neighbour_before_barrier", race,
               [=](auto bad) {
                 return floats({1, 64}, neighbour<bad>);
               }),
      specimen(
          "reverse_in_dynamic_memory", race,
          [=](auto bad) {
            return floats({1, 64, 256}, reverse<bad>);
          },
          "dynamic shared memory"),
      specimen(
          "broadcast_by_thread_0", race,
          [=](auto bad) {
            return floats({1, 64}, broadcast<bad>);
          },
          "byte 0 of chosen"),
      specimen("overwrites_what_others_read", race,
               [=](auto bad) {
                 return floats({1, 64}, shift_in_place<bad>);
               }),
      specimen("two_writers", race,
               [=](auto bad) {
                 return floats({1, 64}, pad_with_zeros<bad>);
               }),
      specimen("one_barrier_too_few_for_one_buffer", race,
               [=](auto bad) {
                 return floats({1, 64}, stages<bad>);
               }),
      specimen("reduction_without_barrier_in_loop", race,
               [=](auto bad) {
                 return floats({1, 128}, reduce<bad>);
               }),
      specimen("scan_without_second_buffer", race,
               [=](auto bad) {
                 return floats({1, 64}, scan_in_place<bad>);
               }),
      specimen("transposed_too_early", race,
               [=](auto bad) {
                 return floats({1, dim3(16, 16)}, transpose<bad>);
               }),
      specimen("histogram_without_atomics", race,
               [](auto bad) {
                 const auto in = zeros<int>(64), out = zeros<int>(8);
                 return run({1, 64}, histogram<bad>, in.data(), out.data());
               }),
      specimen("counter_read_too_early", race,
               [](auto bad) {
                 const auto out = zeros<int>(64);
                 return run({1, 64}, reads_counter<bad>, out.data());
               }),
      specimen("syncwarp_for_two_warps", race,
               [=](auto bad) {
                 return floats({1, 64}, across_warps<bad>);
               }),
      specimen("lockstep_of_a_warp", race,
               [=](auto bad) {
                 return floats({1, 32}, within_warp<bad>);
               }),
      specimen("reduction_tail_in_lockstep", race,
               [=](auto bad) {
                 return floats({1, 64}, reduce_tail<bad>);
               }),
      specimen("syncwarp_of_half_a_warp", race,
               [=](auto bad) {
                 return floats({1, 32}, half_warps<bad>);
               }),
      specimen("cluster_without_barrier", race,
               [](auto bad) {
                 const auto out = zeros<float>(64);
                 return run({.grid = 2, .block = 32, .cluster = 2}, cluster_neighbour<bad>,
                            out.data());
               }),
      specimen(
          "halo_never_written", unwritten,
          [=](auto bad) {
            return floats({1, 32}, halo<bad>);
          },
          "of tile"),
      specimen(
          "sums_never_zeroed", unwritten,
          [=](auto bad) {
            return floats({1, 64, 256}, accumulate<bad>);
          },
          "dynamic shared memory"),
      specimen("counter_never_zeroed", unwritten,
               [](auto bad) {
                 const auto in = zeros<float>(64);
                 const auto out = zeros<int>(1);
                 return run({1, 64}, count_positive<bad>, in.data(), out.data());
               }),
  };
}

}  // namespace warpladder::caught
