// SPDX-License-Identifier: Apache-2.0
//
// 20 array_of_structures. The layout that programs have before they meet a GPU: one structure of
// 8 floats per particle, here read and written field by field.
//
// Idea: none yet; one thread moves one particle.
// Traffic: the particles of a warp are 32 sectors of 32 bytes. Neighbouring lanes are one sector
// apart, so each of the 9 requests (6 loads, 3 stores) touches all 32 and uses 4 bytes of each:
// 12.5%. 288 sectors for 1152 useful bytes, which fill 36. L1 softens the loads: it keeps the
// 1 KiB of the warp after the first (64 warps: 64 KiB), so that 32 of 192 come from L2. Nothing
// softens the stores: L1 writes through, 96 sectors with 4 bytes each. Device memory moves whole
// sectors, 32 bytes in and 32 out per particle; 24 + 12 = 36 were needed: at most 56% of its rate.
// Limited by: sectors at L2, 4 per particle (1 in, 3 out). At an assumed 5.5 TB/s, 170 G sectors
// per second: 42 G particles/s, just below the 3.0 TB/s / 64 = 47 G/s of device memory
//  -> 21 aligned_structure.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/layout_problem.hpp>

namespace warpladder::memory {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) array_of_structures_kernel(layout_problem p) {
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i >= p.n) return;

  float* const particle = p.state + i * field::count;
  const float x = particle[field::x], y = particle[field::y], z = particle[field::z];
  const float vx = particle[field::vx], vy = particle[field::vy], vz = particle[field::vz];
  particle[field::x] = moved(x, vx, p.dt);
  particle[field::y] = moved(y, vy, p.dt);
  particle[field::z] = moved(z, vz, p.dt);
}

struct array_of_structures {
  static constexpr rung_info info{20, "array_of_structures", "one structure per particle"};
  static constexpr layout stored_as = layout::array_of_structures;
  struct tuning {
    static constexpr int threads = 256;
  };

  static support supports(const layout_problem& p) {
    if (p.stored_as != stored_as) return {"needs an array of structures"};
    return detail::fits_grid(p.n, tuning::threads);
  }

  static std::size_t workspace_bytes(const layout_problem&) { return 0; }

  static cudaError_t launch(const layout_problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(array_of_structures_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
