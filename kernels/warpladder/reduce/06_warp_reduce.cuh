// SPDX-License-Identifier: Apache-2.0
//
// 06 warp_reduce. Before: the tree began in shared memory, where every step costs a barrier, and
// ended in registers, where none does.
//
// Idea: registers first. Every warp reduces its own 32 values, the 8 results cross shared memory
// once, and one warp reduces them. How a warp does it is left to what the hardware has for it: sums
// of 32-bit integers are one instruction, __reduce_add_sync (compute capability 8.0), everything
// else is what cooperative_groups::reduce makes of it, 5 shuffles and combinations.
// Traffic: one barrier instead of 3, 8 values in shared memory instead of 256. All 8 warps shuffle
// now, 9 * 5 shuffles in a block instead of 5: more instructions, but in parallel, and on the way
// of one value from its load to the result are 10 shuffles (about 25 clocks each) and one barrier.
// Integers: 2 instructions and one barrier.
// Limited by: what is not in flight. A thread has two loads of 4 bytes, and a block none at all
// while it starts, reduces and ends -> 07 loads_in_flight.
#pragma once

#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

#include <warpladder/reduce/detail/known_operations.hpp>
#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct warp_reduce_tuning {
  static constexpr int threads = 256, tile = 2 * threads;
};

namespace detail {

/// The combination of the values of all 32 lanes, for all lanes.
template <class Op>
__device__ __forceinline__ typename Op::accumulator reduce_warp(const Op& op,
                                                                typename Op::accumulator value) {
  using accumulator = typename Op::accumulator;
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800)
  constexpr bool has_instruction = adds_32_bits<Op>;
#else
  constexpr bool has_instruction = false;
#endif
  if constexpr (has_instruction) {
    return accumulator(__reduce_add_sync(0xffffffffu, value));
  } else {
    namespace groups = cooperative_groups;
    const auto warp = groups::tiled_partition<32>(groups::this_thread_block());
    return groups::reduce(warp, value, [&op](const accumulator& a, const accumulator& b) {
      return op.combine(a, b);
    });
  }
}

/// The combination of the values of all threads of the block, for the threads of warp 0. Between
/// two calls lies a barrier.
template <int Threads, class Op>
__device__ __forceinline__ typename Op::accumulator reduce_block(const Op& op,
                                                                 typename Op::accumulator value) {
  constexpr int warps = Threads / 32;
  static_assert(Threads % 32 == 0 && warps <= 32, "one warp takes the results of the others");
  __shared__ typename Op::accumulator of_warp[warps];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  value = reduce_warp(op, value);
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  if (warp == 0) value = reduce_warp(op, lane < warps ? of_warp[lane] : op.identity());
  return value;
}

}  // namespace detail

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) warp_reduce_kernel(Pass pass) {
  const std::int64_t first = std::int64_t{blockIdx.x} * Tuning::tile + threadIdx.x;
  const auto two = pass.op.combine(pass.value(first), pass.value(first + Tuning::threads));
  const auto total = detail::reduce_block<Tuning::threads>(pass.op, two);
  if (threadIdx.x == 0) pass.store(total);
}

struct warp_reduce {
  static constexpr rung_info info{6, "warp_reduce", "warps first, and one barrier"};
  using tuning = warp_reduce_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    return detail::passes_fit_grid<tuning::tile>(p);
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::workspace_of_passes<tuning::tile>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    return detail::run_passes<tuning::tile>(p, workspace, [&](const auto& pass, dim3 grid) {
      return warpladder::launch_kernel(
          warp_reduce_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
