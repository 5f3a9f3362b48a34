// SPDX-License-Identifier: Apache-2.0
//
// 23 tiled_structure. Before: every request is as good as it can be, but a particle is spread over
// 8 arrays: 8 pages for one particle, 9 streams for all, and arrays that move when n grows.
//
// Idea: an array of structures of arrays. A tile of 32 particles is a structure whose fields are
// lines of 32 floats: the layout repeats what a warp does, and everything a warp touches lies in
// 1 KiB.
// Traffic: like 22: 9 requests of 4 sectors, all used, 36 bytes per particle; the lines of mass and
// charge, a quarter of every tile, are skipped. The fields are constant distances apart: one
// address per thread serves all 9 accesses, where 22 computes one for each field: 12 registers
// instead of 22.
// Limited by: device memory, like 22. The gain is elsewhere: one particle at random costs 8 sectors
// within 1 KiB, and appending moves nothing. Price: n is padded to a multiple of 32, and i / 32
// appears in every index. Where the layout cannot be changed -> 24 staged_structure.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/layout_problem.hpp>

namespace warpladder::memory {

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) tiled_structure_kernel(layout_problem p) {
  static_assert(Tuning::threads % tile_particles == 0, "a warp works on one tile");
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i >= p.n) return;

  const std::int64_t tile = i / tile_particles;
  const int lane = threadIdx.x % tile_particles;
  float* const particle = p.state + tile * (field::count * tile_particles) + lane;
  const float x = particle[field::x * tile_particles], vx = particle[field::vx * tile_particles];
  const float y = particle[field::y * tile_particles], vy = particle[field::vy * tile_particles];
  const float z = particle[field::z * tile_particles], vz = particle[field::vz * tile_particles];
  particle[field::x * tile_particles] = moved(x, vx, p.dt);
  particle[field::y * tile_particles] = moved(y, vy, p.dt);
  particle[field::z * tile_particles] = moved(z, vz, p.dt);
}

struct tiled_structure {
  static constexpr rung_info info{23, "tiled_structure", "tiles of 32 particles, a line per field"};
  static constexpr layout stored_as = layout::tiled_structure;
  struct tuning {
    static constexpr int threads = 256;
  };

  static support supports(const layout_problem& p) {
    if (p.stored_as != stored_as) return {"needs a tiled structure"};
    return detail::fits_grid(p.n, tuning::threads);
  }

  static std::size_t workspace_bytes(const layout_problem&) { return 0; }

  static cudaError_t launch(const layout_problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(tiled_structure_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
