// SPDX-License-Identifier: Apache-2.0
//
// 22 structure_of_arrays. Before: 64 bytes of device memory per particle, 36 of them for the
// arithmetic. No access pattern helps: sectors are the unit, and every sector holds all fields.
//
// Idea: one array per field. The lanes of a warp want the same field of 32 neighbours: one line.
// Arrays begin on a line (state_elements() pads them); unpadded, an n that is no multiple of 8
// would cost every request a fifth sector.
// Traffic: 9 requests of 4 sectors, all used: 36 sectors instead of 96, and accesses of 4 bytes
// suffice. 36 bytes of device memory per particle instead of 64: 83 G particles/s at 3.0 TB/s, 1.78
// times the rate of 21. All loads are issued before the first store: the compiler does not know
// that the arrays are disjoint, and would wait three times.
// Limited by: device memory, of which every byte is needed. Price: the fields of a particle are far
// apart. To fetch one at random costs 8 sectors on 8 pages instead of 1 -> 23 tiled_structure.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/layout_problem.hpp>

namespace warpladder::memory {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) structure_of_arrays_kernel(layout_problem p) {
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i >= p.n) return;

  const std::int64_t array = round_up<std::int64_t>(p.n, tile_particles);
  float* const particle = p.state + i;
  const float x = particle[field::x * array], vx = particle[field::vx * array];
  const float y = particle[field::y * array], vy = particle[field::vy * array];
  const float z = particle[field::z * array], vz = particle[field::vz * array];
  particle[field::x * array] = moved(x, vx, p.dt);
  particle[field::y * array] = moved(y, vy, p.dt);
  particle[field::z * array] = moved(z, vz, p.dt);
}

struct structure_of_arrays {
  static constexpr rung_info info{22, "structure_of_arrays", "one array per field"};
  static constexpr layout stored_as = layout::structure_of_arrays;
  struct tuning {
    static constexpr int threads = 256;
  };

  static support supports(const layout_problem& p) {
    if (p.stored_as != stored_as) return {"needs a structure of arrays"};
    return detail::fits_grid(p.n, tuning::threads);
  }

  static std::size_t workspace_bytes(const layout_problem&) { return 0; }

  static cudaError_t launch(const layout_problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(structure_of_arrays_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
