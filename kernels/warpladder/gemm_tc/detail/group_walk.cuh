// SPDX-License-Identifier: Apache-2.0
//
// From the number of a tile to its group, when only the device knows how many rows a group has.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>

namespace warpladder::gemm_tc::detail {

/// Numbers the tiles of a grouped product, BlockM rows high and `across` in a row: those of group 0
/// first, then those of group 1. A warp looks at 32 groups at a time, a lane at one of them, and
/// adds up their tiles; it goes on to the next 32 when the number that it is asked for lies beyond.
/// So a block that takes every 132nd tile reads each offset once, and finding a tile costs a vote
/// and three shuffles. No shared memory, no limit on the groups.
template <int BlockM>
class group_walk {
 public:
  struct place {
    int group, first_row, end_row;  ///< of the group
    int tile, tiles_down;           ///< the tile's number in the group, and how many rows of them
  };

  template <class Problem>
  __device__ __forceinline__ group_walk(const Problem& p, int across)
      : offsets_(p.row_offsets), groups_(int(p.groups)), rows_(int(p.rows)), across_(across) {}

  /// Finds the place of a tile, or returns false if there are not so many. All lanes of a warp call
  /// it, with a number that is not below the one before.
  __device__ __forceinline__ bool find(int tile, place& found) {
    while (tile >= tiles_) {
      if (next_ >= groups_) return false;
      look_at_next();
    }
    const int lane = __ffs(int(__ballot_sync(everybody, tile < tiles_up_to_mine_))) - 1;
    found.group = next_ - 32 + lane;
    found.first_row = __shfl_sync(everybody, first_row_, lane);
    found.end_row = __shfl_sync(everybody, end_row_, lane);
    found.tiles_down = ceil_div(found.end_row - found.first_row, BlockM);
    found.tile =
        tile - __shfl_sync(everybody, tiles_up_to_mine_, lane) + found.tiles_down * across_;
    return true;
  }

 private:
  static constexpr unsigned everybody = 0xffffffffu;

  __device__ __forceinline__ void look_at_next() {
    const int lane = int(threadIdx.x % 32), mine = next_ + lane;
    const auto offset = [&](int i) { return min(max(offsets_[i], 0), rows_); };
    first_row_ = mine < groups_ ? offset(mine) : 0;
    end_row_ = mine < groups_ ? max(first_row_, offset(mine + 1)) : 0;
    int sum = ceil_div(end_row_ - first_row_, BlockM) * across_;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      const int below = __shfl_up_sync(everybody, sum, distance);
      if (lane >= distance) sum += below;
    }
    tiles_up_to_mine_ = tiles_ + sum;
    tiles_ = __shfl_sync(everybody, tiles_up_to_mine_, 31);
    next_ += 32;
  }

  const std::int32_t* offsets_;
  int groups_, rows_, across_;
  int next_ = 0, tiles_ = 0;  // groups that have been looked at, and all their tiles
  int first_row_ = 0, end_row_ = 0, tiles_up_to_mine_ = 0;  // of the lane's group
};

/// The most tiles that a problem can have: every group may end in a tile of its own.
template <class Problem>
std::int64_t most_tiles(const Problem& p, int block_m, int block_n) {
  const std::int64_t down =
      std::min(p.rows, ceil_div<std::int64_t>(p.rows, block_m) + p.groups - 1);
  return p.is_empty() ? 0 : down * ceil_div<std::int64_t>(p.n, block_n);
}

/// Can 32 bits count the tiles, and what is added to them to find the next?
template <class Problem>
support fits_walk(const Problem& p, int block_m, int block_n) {
  if (most_tiles(p, block_m, block_n) > std::numeric_limits<std::int32_t>::max() / 2)
    return {"more than 2^30 tiles"};
  return {};
}

}  // namespace warpladder::gemm_tc::detail
