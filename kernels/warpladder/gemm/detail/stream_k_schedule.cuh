// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace warpladder::gemm::detail {

/// How stream-k divides a product: `waves` whole tiles for each block, and of the tiles that remain
/// equal pieces of their k, laid end to end. Made on the host, the same for all blocks.
template <int Grain>
struct stream_k_schedule {
  static constexpr int grain = Grain;  // k per unit of work, the finest cut

  int tiles, blocks;
  int waves;            ///< of whole tiles, before the streamed rest
  int grains_per_tile;  ///< ceil(depth / grain)
  int depth;

  /// First unit of the streamed rest that belongs to `block`.
  __host__ __device__ std::int64_t begin(int block) const {
    return (tiles - std::int64_t{waves} * blocks) * grains_per_tile * block / blocks;
  }
};

/// Walks over the pieces of one block: one output tile each, k from k_begin up to k_end.
template <int Grain>
class stream_k_cursor {
 public:
  int tile, k_begin, k_end;

  __device__ stream_k_cursor(const stream_k_schedule<Grain>& schedule, int block)
      : wave_(0), block_(block), streamed_(schedule.begin(block)), end_(schedule.begin(block + 1)) {
    advance(schedule);
  }
  __device__ bool at_end() const { return tile < 0; }
  __device__ void advance(const stream_k_schedule<Grain>& schedule) {
    if (wave_ < schedule.waves) {
      tile = wave_++ * schedule.blocks + block_;
      k_begin = 0;
      k_end = schedule.depth;
      return;
    }
    if (streamed_ >= end_) {
      tile = -1;
      return;
    }
    const std::int64_t left = end_ - streamed_;
    const int first = int(streamed_ % schedule.grains_per_tile);
    const int here = schedule.grains_per_tile - first;
    const int grains = left < here ? int(left) : here;
    tile = schedule.waves * schedule.blocks + int(streamed_ / schedule.grains_per_tile);
    k_begin = first * schedule.grain;
    k_end = (first + grains) * schedule.grain;
    if (k_end > schedule.depth) k_end = schedule.depth;
    streamed_ += grains;
  }

 private:
  int wave_, block_;
  std::int64_t streamed_, end_;
};

}  // namespace warpladder::gemm::detail
