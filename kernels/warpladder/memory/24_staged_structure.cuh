// SPDX-License-Identifier: Apache-2.0
//
// 24 staged_structure. Before: 21 uses half of every sector that a request touches, and 22 and 23
// ask for another layout. What if the array of structures must stay?
//
// Idea: a block copies its particles to shared memory in the order of memory, not of particles:
// lane after lane takes the next 16 bytes. There any access pattern is free of sectors. The halves
// of particles 4 to 7 of every 8 are swapped, so that the 8 lanes that shared memory serves at once
// find 8 different 16-byte columns of its banks; straight, lanes 0 and 4 would share one.
// Traffic: 2 loads and 2 stores of 16 sectors, all used: 64 sectors instead of 96. L2 still has
// 2 per particle, device memory still 64 bytes, and another 112 pass shared memory.
// Limited by: device memory, as 21: no faster, and that is the lesson. Staging repairs requests; it
// pays where they are the limit, or where a particle takes many accesses. Only the layout decides
// which bytes share a sector.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/layout_problem.hpp>

namespace warpladder::memory {

/// Where half a particle is staged: halves 0 and 1 are position and velocity of particle 0.
__device__ __forceinline__ int staged_slot(int half) {
  return half ^ (half / 8 % 2);
}

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) staged_structure_kernel(layout_problem p) {
  static_assert(field::count == 8, "a particle is two float4");
  constexpr int threads = Tuning::threads, block_halves = 2 * threads;
  __shared__ float4 staged[block_halves];

  const int thread = threadIdx.x;
  const std::int64_t first = std::int64_t(blockIdx.x) * block_halves, rest = 2 * p.n - first;
  const int halves = rest < block_halves ? int(rest) : block_halves;
  float4* const particles = reinterpret_cast<float4*>(p.state) + first;

#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const int half = thread + k * threads;
    if (half < halves) staged[staged_slot(half)] = particles[half];
  }
  __syncthreads();  // the particles are complete
  if (2 * thread < halves) {
    float4& position = staged[staged_slot(2 * thread)];
    position = moved(position, staged[staged_slot(2 * thread + 1)], p.dt);
  }
  __syncthreads();  // the particles have moved
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const int half = thread + k * threads;
    if (half < halves) particles[half] = staged[staged_slot(half)];
  }
}

struct staged_structure {
  static constexpr rung_info info{24, "staged_structure", "whole lines through shared memory"};
  static constexpr layout stored_as = layout::array_of_structures;
  struct tuning {
    static constexpr int threads = 256;
  };

  static support supports(const layout_problem& p) {
    if (p.stored_as != stored_as) return {"needs an array of structures"};
    if (!detail::is_wide_aligned(p.state)) return {"state must be aligned to 16 bytes"};
    return detail::fits_grid(p.n, tuning::threads);
  }

  static std::size_t workspace_bytes(const layout_problem&) { return 0; }

  static cudaError_t launch(const layout_problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(staged_structure_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
