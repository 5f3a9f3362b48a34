// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/core/warp_shuffle.cuh>

namespace warpladder::rowwise::detail {

/// The combination of the `value` of all `Threads` threads of a block (a power of two times 32), in
/// every thread. `combine` need not be exact: the order is always the same.
template <int Threads, class Value, class Combine>
__device__ __forceinline__ Value combine_block(Value value, const Combine& combine) {
  constexpr int warps = Threads / 32;
  static_assert(Threads % 32 == 0 && warps <= 32 && (warps & (warps - 1)) == 0);
  __shared__ Value of_warp[warps];
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2) value = combine(value, shuffle_xor(value, apart));
  __syncthreads();  // of_warp may still be read for the combination before this one
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  value = of_warp[threadIdx.x % warps];
#pragma unroll
  for (int apart = 1; apart < warps; apart *= 2) value = combine(value, shuffle_xor(value, apart));
  return value;
}

}  // namespace warpladder::rowwise::detail
