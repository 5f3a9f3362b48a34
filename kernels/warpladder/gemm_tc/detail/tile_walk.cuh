// SPDX-License-Identifier: Apache-2.0
//
// The tiles of C that persistent blocks walk over, in rungs 08 to 15.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>

namespace warpladder::gemm_tc::detail {

/// Order: in which the tiles of one product come, e.g. row_order, and whether one product follows
/// the other or each tile comes for all products. Counted on the host, because a kernel's
/// parameters take no registers, and the consumers have none to spare.
template <int BlockM, int BlockN, class Order>
struct tile_walk {
  int rows, cols, products, tiles, k_tiles;

  /// A tile's first row and column, and its product in the batch.
  struct place {
    int row, col, batch;
  };

  __device__ __forceinline__ place operator[](int tile) const {
    const int per_product = rows * cols;
    const int batch = Order::for_all_products ? tile % products : tile / per_product;
    const int in_product = Order::for_all_products ? tile / products : tile % per_product;
    const int2 at = Order::place(in_product, rows, cols);
    return {at.y * BlockM, at.x * BlockN, batch};
  }
};

/// The walk for a problem; depth: k of a tile of the operands.
template <int BlockM, int BlockN, class Order, class Problem>
cudaError_t make_walk(tile_walk<BlockM, BlockN, Order>& walk, const Problem& p, int depth) {
  const std::int64_t rows = ceil_div<std::int64_t>(p.m, BlockM);
  const std::int64_t cols = ceil_div<std::int64_t>(p.n, BlockN);
  const std::int64_t tiles = rows * cols * p.batch;
  if (tiles > 1 << 30) return cudaErrorInvalidValue;  // a step beyond the last must be an int too
  walk = {int(rows), int(cols), int(p.batch), int(tiles), ceil_div(p.depth(), depth)};
  return cudaSuccess;
}

/// One block per multiprocessor, whole clusters, and no more than there are tiles for.
inline int walking_blocks(int tiles, const device_facts& device, int cluster) {
  return std::max(1, std::min(ceil_div(tiles, cluster), device.multiprocessors / cluster)) *
         cluster;
}

}  // namespace warpladder::gemm_tc::detail
