// SPDX-License-Identifier: Apache-2.0
//
// A matrix cut into tiles, one block each. The grid has one dimension, which holds 2^31 - 1 blocks:
// grid.y ends at 65535, so that a two-dimensional one would end at 65535 * 32 rows.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>

namespace warpladder::memory::detail {

struct position {
  std::int64_t row, col;
};

/// What is left of a side of the matrix, at most a side of the tile: small enough for an int.
__device__ __forceinline__ int at_most(std::int64_t left, int side) {
  return left < side ? static_cast<int>(left) : side;
}

/// Tiles of TileRows x TileCols that cover `in`.
template <int TileRows, int TileCols, class Problem>
__host__ __device__ std::int64_t tile_count(const Problem& p) {
  return ceil_div<std::int64_t>(p.rows, TileRows) * ceil_div<std::int64_t>(p.cols, TileCols);
}

/// Where the tile of that index begins; tiles are counted row by row.
template <int TileRows, int TileCols, class Problem>
__device__ __forceinline__ position tile_begin(const Problem& p, unsigned tile) {
  const auto across = static_cast<unsigned>(ceil_div<std::int64_t>(p.cols, TileCols));
  return {std::int64_t{tile / across} * TileRows, std::int64_t{tile % across} * TileCols};
}

/// The same for this block's tile if blocks walk down bands of `Band` rows of tiles, column by
/// column.
template <int TileRows, int TileCols, int Band, class Problem>
__device__ __forceinline__ position banded_tile_begin(const Problem& p) {
  const auto down = static_cast<unsigned>(ceil_div<std::int64_t>(p.rows, TileRows));
  const auto across = static_cast<unsigned>(ceil_div<std::int64_t>(p.cols, TileCols));
  const unsigned full = down < Band ? down : Band;  // full * across: no more than all tiles
  const unsigned band = blockIdx.x / (full * across), in_band = blockIdx.x % (full * across);
  const unsigned left = down - band * full, height = left < full ? left : full;
  return {std::int64_t{band * full + in_band % height} * TileRows,
          std::int64_t{in_band / height} * TileCols};
}

/// Does one block per tile fit into a grid?
template <int TileRows, int TileCols, class Problem>
support fits_grid(const Problem& p) {
  if (p.rows > 0 && p.cols > 0 &&
      ceil_div<std::int64_t>(p.rows, TileRows) >
          std::numeric_limits<std::int32_t>::max() / ceil_div<std::int64_t>(p.cols, TileCols))
    return {"more tiles than the 2^31 - 1 blocks of a grid"};
  return {};
}

}  // namespace warpladder::memory::detail
