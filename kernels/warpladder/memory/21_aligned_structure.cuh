// SPDX-License-Identifier: Apache-2.0
//
// 21 aligned_structure. Before: 9 requests per warp, each of which touches all 32 sectors of the
// warp's particles for 4 bytes of each.
//
// Idea: a structure aligned to 16 bytes is two accesses of 16 bytes. The fields are ordered so that
// the half that changes, position and mass, is one of them; the mass is written back with its bits.
// Traffic: 2 loads and 1 store instead of 6 and 3. Each still touches 32 sectors, but uses 16 bytes
// of each, 50%: 96 sectors instead of 288, and 2 per particle at L2 instead of 4. Device memory
// sees no difference: 32 bytes in and 32 out, of which 8 were not wanted coming in and 20 not going
// out.
// Limited by: device memory, 47 G particles/s, because of the layout -> 22 structure_of_arrays.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/layout_problem.hpp>

namespace warpladder::memory {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) aligned_structure_kernel(layout_problem p) {
  static_assert(field::count == 8, "a particle is two float4");
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i >= p.n) return;

  float4* const particle = reinterpret_cast<float4*>(p.state) + i * 2;
  const float4 position = particle[0], velocity = particle[1];
  particle[0] = moved(position, velocity, p.dt);
}

struct aligned_structure {
  static constexpr rung_info info{21, "aligned_structure", "16 bytes per access to a structure"};
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
    return warpladder::launch_kernel(aligned_structure_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
