// SPDX-License-Identifier: Apache-2.0
//
// Right kernels of the kinds that a careless detector would object to.
#pragma once

#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

#include <vector>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/grid_barrier.cuh>

#include "traced_specimen.hpp"

namespace warpladder::caught {
namespace {

// ---- within a block ----------------------------------------------------------------------------

/// Every step of a reduction by one warp, as it is to be written since Volta.
__global__ void warp_synchronous(const float* in, float* out) {
  __shared__ float sums[64];
  const unsigned lane = threadIdx.x % 32, first = threadIdx.x - lane;
  float* const mine = sums + first;
  mine[lane] = in[threadIdx.x];
  __syncwarp();
  for (unsigned distance = 16; distance > 0; distance /= 2) {
    const float other = mine[(lane + distance) % 32];
    __syncwarp();
    mine[lane] += other;
    __syncwarp();
  }
  if (lane == 0) out[threadIdx.x / 32] = mine[0];
}

/// The lanes of a half warp know nothing of the other half's, and need not.
__global__ void half_warps_apart(const float* in, float* out) {
  namespace cg = cooperative_groups;
  __shared__ float tile[32];
  const auto half = cg::tiled_partition<16>(cg::this_thread_block());
  const unsigned lane = threadIdx.x;
  tile[lane] = in[lane];
  half.sync();
  out[lane] = tile[lane ^ 15] + cg::reduce(half, in[lane], cg::plus<float>());
}

__global__ void shuffles(const float* in, float* out) {
  __shared__ float sums[2];
  float sum = in[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2)
    sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) *out = sums[0] + sums[1];
}

__global__ void early_return(int n, const float* in, float* out) {
  __shared__ float tile[64];
  const int t = int(threadIdx.x);
  if (t >= n) return;
  tile[t] = in[t];
  __syncthreads();
  out[t] = tile[n - 1 - t];
}

__global__ void bytes_of_one_word(const unsigned char* in, unsigned char* out) {
  __shared__ unsigned char tile[64];
  const unsigned t = threadIdx.x;
  tile[t] = in[t];
  out[t] = tile[t];  // its own byte, in a word that three others write
}

/// One warp hands over to the other through a flag in shared memory.
__global__ void flag_in_shared_memory(const float* in, float* out) {
  __shared__ float value;
  __shared__ volatile int raised;
  raised = 0;  // by all threads
  __syncthreads();
  if (threadIdx.x == 0) {
    value = *in;
    __threadfence_block();
    raised = 1;
  } else if (threadIdx.x == 32) {
    while (raised == 0) __nanosleep(20);
    __threadfence_block();
    *out = value;
  }
}

__global__ void atomics_everywhere(int* out) {
  __shared__ int count, greatest;
  if (threadIdx.x == 0) count = greatest = 0;
  __syncthreads();
  atomicAdd(&count, 1);
  atomicMax(&greatest, int(threadIdx.x));
  __syncthreads();
  if (threadIdx.x < 32) atomicAdd(out, count + greatest);
}

__device__ float block_sum(float mine) {
  __shared__ float sums[64];  // of a device function
  sums[threadIdx.x] = mine;
  __syncthreads();
  float sum = 0;
  for (unsigned i = 0; i < blockDim.x; ++i) sum += sums[i];
  __syncthreads();
  return sum;
}
__global__ void shared_memory_of_a_function(const float* in, float* out) {
  const float once = block_sum(in[threadIdx.x]);
  out[threadIdx.x] = block_sum(once);
}

struct options_by_value {
  float scale[8];
};
__constant__ float factors[4];         // set by the host
__device__ float offsets[2] = {1, 2};  // that the host never mentions

/// Parameters, local arrays, symbols and pinned memory are no concern of any detector.
__global__ void other_memories(options_by_value with, const float* pinned, float* out) {
  float local[8];
  for (unsigned i = 0; i < 8; ++i) local[(i + threadIdx.x) % 8] = with.scale[i];
  out[threadIdx.x] = local[threadIdx.x % 8] * factors[threadIdx.x % 4] + pinned[threadIdx.x];
  if (threadIdx.x < 2) atomicAdd(&offsets[threadIdx.x], 1);
}

// ---- between blocks ----------------------------------------------------------------------------

__global__ void last_block_sums(const float* in, float* partial, unsigned* ready, float* sum) {
  __shared__ bool is_last;
  const float mine = block_sum(in[threadIdx.x]);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = mine;
    __threadfence();
    is_last = atomicAdd(ready, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (is_last && threadIdx.x < gridDim.x) atomicAdd(sum, partial[threadIdx.x]);
}

/// Decoupled look-back: every block waits for the prefix of the block before it.
__global__ void look_back(const float* in, float* prefix, volatile int* ready, float* out) {
  __shared__ float before;
  const unsigned b = blockIdx.x, i = b * 32 + threadIdx.x;
  const float mine = block_sum(in[i]);
  if (threadIdx.x == 0) {
    before = 0;
    if (b > 0) {
      while (ready[b - 1] == 0) __nanosleep(20);
      __threadfence();
      before = prefix[b - 1];
    }
    prefix[b] = before + mine;
    __threadfence();
    ready[b] = 1;
  }
  __syncthreads();
  out[i] = before + in[i];
}

__global__ void grid_ping_pong(float* from, float* to) {
  const auto grid = cooperative_groups::this_grid();
  const unsigned i = blockIdx.x * 32 + threadIdx.x, n = gridDim.x * 32;
  for (int k = 0; k < 6; ++k) {
    to[i] = from[(i + 32) % n];
    grid.sync();
    float* const written = to;
    to = from;
    from = written;
  }
}

__global__ void grid_barrier_ping_pong(unsigned* word, float* from, float* to) {
  grid_barrier barrier(word);
  const unsigned i = blockIdx.x * 32 + threadIdx.x, n = gridDim.x * 32;
  for (int k = 0; k < 6; ++k) {
    to[i] = from[(i + 32) % n];
    barrier.sync();
    float* const written = to;
    to = from;
    from = written;
  }
}

__global__ void cluster_exchange(float* out) {
  namespace cg = cooperative_groups;
  __shared__ float mine[32];
  const auto cluster = cg::this_cluster();
  for (int k = 0; k < 3; ++k) {
    mine[threadIdx.x] = float(k);
    cluster.sync();
    for (unsigned r = 0; r < cluster.num_blocks(); ++r)
      out[blockIdx.x * 32 + threadIdx.x] += cluster.map_shared_rank(mine, int(r))[threadIdx.x ^ 1];
    cluster.sync();
  }
}

/// Blocks of a cluster count in the shared memory of one of them.
__global__ void cluster_histogram(int* out) {
  namespace cg = cooperative_groups;
  __shared__ int bins[8];
  const auto cluster = cg::this_cluster();
  if (threadIdx.x < 8) bins[threadIdx.x] = 0;
  cluster.sync();
  atomicAdd(cluster.map_shared_rank(bins, 0) + threadIdx.x % 8, 1);
  cluster.sync();
  if (cluster.block_rank() == 0 && threadIdx.x < 8) out[threadIdx.x] = bins[threadIdx.x];
}

// ---- copies ------------------------------------------------------------------------------------

__global__ void ring_of_three(int steps, const float* in, float* out) {
  __shared__ float ring[3][64];
  const unsigned t = threadIdx.x;
  const auto fetch = [&](int k) {
    if (k < steps) async_copy<4>(&ring[k % 3][t], in + k * 64 + t);
    async_copy_commit();
  };
  fetch(0);
  fetch(1);
  float sum = 0;
  for (int k = 0; k < steps; ++k) {
    async_copy_wait<1>();
    __syncthreads();  // also: all have read stage k - 1, which is filled again now
    fetch(k + 2);
    sum += ring[k % 3][63 - t];
  }
  out[t] = sum;
}

/// A copy whose source is left out writes zeros.
__global__ void zero_filled_copy(unsigned n, const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned t = threadIdx.x;
  async_copy<4>(&tile[t], in + t, t < n);
  async_copy_commit();
  async_copy_wait<0>();
  __syncthreads();
  out[t] = tile[63 - t];
}

__global__ void bulk_double_buffer(unsigned steps, const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed[2];
  const unsigned t = threadIdx.x;
  if (t == 0) {
    landed[0].init();
    landed[1].init();
  }
  __syncthreads();
  const auto fetch = [&](unsigned k) {
    if (t != 0 || k >= steps) return;
    landed[k % 2].arrive_and_expect(256);
    bulk_copy_to_shared(tile + k % 2 * 64, in + k * 64, 256, landed[k % 2]);
  };
  fetch(0);
  float sum = 0;
  for (unsigned k = 0; k < steps; ++k) {
    fetch(k + 1);
    landed[k % 2].wait(k / 2 % 2);
    sum += tile[k % 2 * 64 + 63 - t];
    __syncthreads();  // before the buffer is filled again
  }
  out[t] = sum;
}

/// Tiles that the engine brings, the threads change and the engine takes away.
__global__ void bulk_round_trip(const float* in, float* out) {
  auto* const tile = dynamic_shared<float>();
  __shared__ transaction_barrier landed;
  const unsigned t = threadIdx.x;
  if (t == 0) {
    landed.init();
    landed.arrive_and_expect(256);
    bulk_copy_to_shared(tile, in, 256, landed);
  }
  __syncthreads();
  landed.wait(0);
  tile[t] += 1;
  __syncthreads();
  if (t != 0) return;
  bulk_stores stores;
  stores.start(out, tile, 256);
  stores.commit();
  stores.wait_until_read<0>();
}

}  // namespace

inline std::vector<innocent> innocents() {
  const auto floats = [](const shape& how, auto kernel, auto... first) {
    return [=] {
      const auto in = zeros<float>(512), out = zeros<float>(512);
      return run(how, kernel, first..., in.data(), out.data());
    };
  };
  return {
      {"warp_synchronous", floats({1, 64}, warp_synchronous)},
      {"half_warps_apart", floats({1, 32}, half_warps_apart)},
      {"shuffles", floats({1, 64}, shuffles)},
      {"early_return_before_barrier", floats({1, 64}, early_return, 40)},
      {"bytes_of_one_word",
       [] {
         const auto in = zeros<unsigned char>(64), out = zeros<unsigned char>(64);
         return run({1, 64}, bytes_of_one_word, in.data(), out.data());
       }},
      {"flag_in_shared_memory", floats({1, 64}, flag_in_shared_memory)},
      {"atomics_everywhere",
       [] {
         const auto out = zeros<int>(1);
         return run({4, 64}, atomics_everywhere, out.data());
       }},
      {"shared_memory_of_a_function", floats({1, 64}, shared_memory_of_a_function)},
      {"other_memories",
       [] {
         WARPLADDER_TRY(cudaMemcpyToSymbol(factors, options_by_value{}.scale, sizeof factors));
         const pinned_buffer<float> pinned(32);
         const auto out = zeros<float>(32);
         return run({1, 32}, other_memories, options_by_value{}, pinned.data(), out.data());
       }},
      {"last_block_sums",
       [] {
         const auto in = zeros<float>(64), partial = zeros<float>(8), sum = zeros<float>(1);
         const auto ready = zeros<unsigned>(1);
         return run({8, 64}, last_block_sums, in.data(), partial.data(), ready.data(), sum.data());
       }},
      {"look_back",
       [] {
         const auto in = zeros<float>(256), prefix = zeros<float>(8), out = zeros<float>(256);
         const auto ready = zeros<int>(8);
         return run({8, 32}, look_back, in.data(), prefix.data(), ready.data(), out.data());
       }},
      {"grid_ping_pong",
       [] {
         const auto from = zeros<float>(128), to = zeros<float>(128);
         return run({.grid = 4, .block = 32, .cooperative = true}, grid_ping_pong, from.data(),
                    to.data());
       }},
      {"grid_barrier_ping_pong",
       [] {
         const auto from = zeros<float>(128), to = zeros<float>(128);
         const auto word = zeros<unsigned>(1);
         return run({.grid = 4, .block = 32, .cooperative = true}, grid_barrier_ping_pong,
                    word.data(), from.data(), to.data());
       }},
      {"cluster_exchange",
       [] {
         const auto out = zeros<float>(128);
         return run({.grid = 4, .block = 32, .cluster = 4}, cluster_exchange, out.data());
       }},
      {"cluster_histogram",
       [] {
         const auto out = zeros<int>(8);
         return run({.grid = 2, .block = 32, .cluster = 2}, cluster_histogram, out.data());
       }},
      {"ring_of_three", floats({1, 64}, ring_of_three, 7)},
      {"zero_filled_copy", floats({1, 64}, zero_filled_copy, 40u)},
      {"bulk_double_buffer", floats({1, 64, 512}, bulk_double_buffer, 6u)},
      {"bulk_round_trip", floats({1, 64, 256}, bulk_round_trip)},
  };
}

}  // namespace warpladder::caught
