// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of this topic have in common. They are no ladder: none is better than the one
// before. Each is bound by something else, so that each wants another launch, and all are right for
// every block (of whole warps) and every grid:
//
//   triad            device memory           iterate          multiply-adds
//   chase            latency, L1             small_products   registers
//   records          shared memory           histogram        what a block costs
//
// Blocks walk over tiles of blockDim.x * Items elements; of each, a thread takes Items, blockDim.x
// apart, and loads all of them before it uses the first. That is work per thread: fewer threads
// with as many loads in flight.
#pragma once

#include <string_view>
#include <warpladder/launch.cuh>

namespace warpladder::launch {

/// A kernel with what the advisor has to be told about it.
template <class Problem>
struct shipped {
  std::string_view name;
  std::string_view bound_by;
  void (*kernel)(Problem);
  options asks;
};

namespace detail {

/// Calls `body(first)` for the tiles of this block: `first` is this thread's first element, and may
/// be beyond n. The whole block runs the same number of times.
template <int Items, class Body>
__device__ __forceinline__ void for_each_tile(std::int64_t n, Body body) {
  const std::int64_t tile = std::int64_t{blockDim.x} * Items;
  for (std::int64_t begin = blockIdx.x * tile; begin < n; begin += gridDim.x * tile)
    body(begin + threadIdx.x);
}

}  // namespace detail
}  // namespace warpladder::launch
