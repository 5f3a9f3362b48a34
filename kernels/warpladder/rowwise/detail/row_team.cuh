// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <warpladder/core/math.hpp>

namespace warpladder::rowwise::detail {

/// The threads that share a row: some lanes of a warp, the warps of a block, or the blocks of a
/// cluster, which tell each other of their parts in one exchange with one barrier.
struct row_team {
  static constexpr int max_blocks = 8;  ///< what every device with clusters can schedule
  static constexpr int max_warps = 32 * max_blocks;

  int lanes = 32;          ///< per block: a power of two up to 32, or whole warps
  int blocks = 1;          ///< more than one only if `lanes` are a block
  std::int64_t share = 0;  ///< columns of a block

  /// Which row, counted from the first of the grid, and which of its lanes is this thread?
  __device__ std::int64_t row() const {
    const int teams = int(blockDim.x) / lanes;  // of a block
    return std::int64_t{blockIdx.x / unsigned(blocks)} * teams + int(threadIdx.x) / lanes;
  }
  __device__ int lane() const { return int(threadIdx.x) % lanes; }
  __device__ std::int64_t first_column() const { return blockIdx.x % unsigned(blocks) * share; }
  __device__ bool is_within_warp() const { return lanes <= 32 && blocks == 1; }

  /// Says that this block runs, so that others may write into its shared memory.
  __device__ void arrive() const;
  /// Returns when all blocks of the team run.
  __device__ void wait() const;
  /// Brings the value of each warp (the same in all its lanes) into `told` of every block of the
  /// team, and returns when all warps have done so. Afterwards told[0] to told[members() - 1] are
  /// the same everywhere. Called once per array.
  template <class Value>
  __device__ void tell(Value* told, const Value& value) const;
  __device__ int members() const { return blocks * lanes / 32; }

  /// `op` over the lanes that share a row within this warp.
  template <class Op>
  __device__ __forceinline__ float over_lanes(float value, const Op& op) const {
#pragma unroll
    for (int apart = 1; apart < 32; apart *= 2) {
      if (apart < lanes) value = op(value, __shfl_xor_sync(0xffffffffu, value, apart));
    }
    return value;
  }

  /// The same over a whole warp, whatever it shares.
  template <class Op>
  static __device__ __forceinline__ float over_warp(float value, const Op& op) {
#pragma unroll
    for (int apart = 1; apart < 32; apart *= 2)
      value = op(value, __shfl_xor_sync(0xffffffffu, value, apart));
    return value;
  }

  /// Divides rows of `cols` columns between teams whose threads hold `elements`, moved n at a time:
  /// over 2, 4 or 8 blocks where a block would have more than `block_cols`. As few lanes as touch
  /// 64 neighbouring bytes; more than 1024 if the row fits into no team.
  static row_team for_rows(std::int64_t cols, int n, int elements, int element_bytes,
                           std::int64_t block_cols) {
    row_team team;
    while (team.blocks < max_blocks && cols > team.blocks * block_cols) team.blocks *= 2;
    team.share = round_up<std::int64_t>(ceil_div<std::int64_t>(cols, team.blocks), n);
    const std::int64_t needed = ceil_div<std::int64_t>(team.share, elements);
    if (needed <= 32 && team.blocks == 1) {
      const int least = std::min(32, 64 / (n * element_bytes));
      team.lanes = int(std::bit_ceil(unsigned(std::max<std::int64_t>(needed, least))));
    } else {
      constexpr std::int64_t too_many = 32 * 1024;
      team.lanes = int(std::min(round_up<std::int64_t>(needed, 32), too_many));
    }
    return team;
  }

  /// The threads of a block, `small_block` if rows are within warps, and the blocks for all rows.
  unsigned block(int small_block) const {
    return unsigned(lanes <= 32 && blocks == 1 ? small_block : lanes);
  }
  std::int64_t grid(std::int64_t rows, int small_block) const {
    return ceil_div<std::int64_t>(rows, block(small_block) / unsigned(lanes)) * blocks;
  }
};

#if defined(WARPLADDER_HOST_EXECUTOR) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void row_team::arrive() const {
  if (blocks > 1) cooperative_groups::this_cluster().barrier_arrive();
}

__device__ __forceinline__ void row_team::wait() const {
  if (blocks > 1) cooperative_groups::this_cluster().barrier_wait();
}

template <class Value>
__device__ __forceinline__ void row_team::tell(Value* told, const Value& value) const {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (blocks == 1) {
    if (lane == 0) told[warp] = value;
    __syncthreads();
  } else {
    const auto cluster = cooperative_groups::this_cluster();
    const int place = int(cluster.block_rank()) * (lanes / 32) + warp;
    if (lane < blocks) cluster.map_shared_rank(told, lane)[place] = value;
    cluster.sync();
  }
}

#else  // blocks is 1: a device without clusters

__device__ __forceinline__ void row_team::arrive() const {}
__device__ __forceinline__ void row_team::wait() const {}

template <class Value>
__device__ __forceinline__ void row_team::tell(Value* told, const Value& value) const {
  if (threadIdx.x % 32 == 0) told[threadIdx.x / 32] = value;
  __syncthreads();
}

#endif

}  // namespace warpladder::rowwise::detail
