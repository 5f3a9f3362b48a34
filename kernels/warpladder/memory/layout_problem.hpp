// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <string_view>
#include <warpladder/core/math.hpp>
#include <warpladder/core/matrix.hpp>

namespace warpladder::memory {

/// The fields of a particle. As a structure it is two halves of 16 bytes: position and mass,
/// velocity and charge.
struct field {
  enum : int { x, y, z, mass, vx, vy, vz, charge };
  static constexpr int count = 8;
};

/// Where the fields of many particles lie. The padding of the last two is never read or written.
enum class layout {
  array_of_structures,  ///< the 8 fields of a particle are neighbours
  structure_of_arrays,  ///< a field of all particles is one array; arrays are padded to whole tiles
  tiled_structure,      ///< tiles of 32 particles, each a structure of arrays: 8 lines of 128 bytes
};

/// Particles per tile: as many as a warp has lanes, so that a field of a tile is one line.
inline constexpr int tile_particles = 32;

/// How many floats the state of n particles takes.
__host__ __device__ constexpr std::int64_t state_elements(layout stored_as, std::int64_t n) {
  const std::int64_t particles =
      stored_as == layout::array_of_structures ? n : round_up<std::int64_t>(n, tile_particles);
  return particles * field::count;
}

/// Which float of the state is `field_index` of particle i.
__host__ __device__ constexpr std::int64_t element(layout stored_as, std::int64_t n, std::int64_t i,
                                                   int field_index) {
  switch (stored_as) {
    case layout::structure_of_arrays:
      return field_index * round_up<std::int64_t>(n, tile_particles) + i;
    case layout::tiled_structure:
      return (i / tile_particles * field::count + field_index) * tile_particles +
             i % tile_particles;
    case layout::array_of_structures:
      break;
  }
  return i * field::count + field_index;
}

/// Moves n particles for a time dt, in place: x += vx * dt, y += vy * dt, z += vz * dt, with one
/// rounding each. Mass, velocity and charge keep their bits. `state` holds state_elements() floats
/// and needs the alignment of a float alone. n may be 0.
struct layout_problem {
  std::int64_t n = 0;
  layout stored_as = layout::array_of_structures;
  float* state = nullptr;
  float dt = 0;

  bool is_empty() const { return n == 0; }
};

/// A coordinate after dt. Spelled as one operation, so that all rungs and backends give equal bits.
__device__ __forceinline__ float moved(float coordinate, float velocity, float dt) {
  return fmaf(velocity, dt, coordinate);
}

/// The same for a position with its mass and a velocity with its charge.
__device__ __forceinline__ float4 moved(float4 position, float4 velocity, float dt) {
  return {moved(position.x, velocity.x, dt), moved(position.y, velocity.y, dt),
          moved(position.z, velocity.z, dt), position.w};
}

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
inline std::string_view explain_invalid(const layout_problem& p) {
  if (p.n < 0) return "n must not be negative";
  if (p.stored_as != layout::array_of_structures && p.stored_as != layout::structure_of_arrays &&
      p.stored_as != layout::tiled_structure)
    return "stored_as is not a layout";
  if (p.n > (std::int64_t{1} << 56)) return "the state spans more memory than an address can reach";
  if (p.is_empty()) return {};
  if (p.state == nullptr) return "state is null";
  if (warpladder::detail::is_misaligned(p.state)) return "state is not aligned to its element type";
  return {};
}

}  // namespace warpladder::memory
