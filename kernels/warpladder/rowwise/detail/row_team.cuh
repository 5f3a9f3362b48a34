// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>

namespace warpladder::rowwise::detail {

/// The threads that share a row: some lanes of a warp, or the warps of a block. Each holds `held`
/// accesses of n elements in registers and, where a row is too long for that, `stored` more in
/// shared memory.
struct row_team {
  static constexpr int max_lanes = 1024, max_warps = max_lanes / 32;

  int lanes = 32;  ///< a power of two up to 32, or whole warps
  int stored = 0;

  /// Which row, counted from the first of the grid, and which of its lanes is this thread?
  __device__ std::int64_t row() const {
    const int teams = int(blockDim.x) / lanes;  // of a block
    return std::int64_t{blockIdx.x} * teams + int(threadIdx.x) / lanes;
  }
  __device__ int lane() const { return int(threadIdx.x) % lanes; }
  __device__ bool is_within_warp() const { return lanes <= 32; }

  /// Brings the value of each warp (the same in all its lanes) into `told`, and returns when all
  /// warps have done so. Called once per array.
  template <class Value>
  __device__ __forceinline__ void tell(Value* told, const Value& value) const {
    if (threadIdx.x % 32 == 0) told[threadIdx.x / 32] = value;
    __syncthreads();
  }
  __device__ int members() const { return lanes / 32; }

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

  /// As few lanes as touch 64 neighbouring bytes, as many as hold the row in registers, at most a
  /// block.
  static row_team for_rows(std::int64_t cols, int n, int held, int element_bytes) {
    row_team team;
    const std::int64_t needed = ceil_div<std::int64_t>(cols, n * held);
    if (needed <= 32) {
      const int least = std::min(32, 64 / (n * element_bytes));
      team.lanes = int(std::bit_ceil(unsigned(std::max<std::int64_t>(needed, least))));
    } else if (needed <= max_lanes) {
      team.lanes = int(round_up<std::int64_t>(needed, 32));
    } else {
      team.lanes = max_lanes;
      const std::int64_t left = cols - std::int64_t{max_lanes} * n * held;
      team.stored = int(std::min<std::int64_t>(ceil_div<std::int64_t>(left, max_lanes * n),
                                               std::numeric_limits<int>::max()));
    }
    return team;
  }

  /// The threads of a block, `small_block` if rows are within warps, the blocks for all rows, and
  /// the shared memory of a block.
  unsigned block(int small_block) const {
    return unsigned(lanes <= 32 ? small_block : lanes);
  }
  std::int64_t grid(std::int64_t rows, int small_block) const {
    return ceil_div<std::int64_t>(rows, block(small_block) / unsigned(lanes));
  }
  std::int64_t shared_bytes(int access_bytes) const {
    return std::int64_t{stored} * lanes * access_bytes;
  }
};

/// Is there so much dynamic shared memory for a block of the current device? 1 KiB of it is left to
/// the exchange between warps.
inline cudaError_t has_shared_memory(std::int64_t bytes, bool& has) {
  has = true;
  if (bytes == 0) return cudaSuccess;
  device_facts device;
  if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
  has = bytes <= device.shared_bytes_per_block - 1024;
  return cudaSuccess;
}

}  // namespace warpladder::rowwise::detail
