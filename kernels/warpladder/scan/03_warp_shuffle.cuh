// SPDX-License-Identifier: Apache-2.0
//
// 03 warp_shuffle. Before: 19 barriers and 699 wavefronts of shared memory per 512 elements.
//
// Idea: lanes of a warp need neither. A lane reads another one's register (shuffle), and a warp's
// instructions are in step. Each warp scans its 32 elements in 5 shuffles, the first warp scans the
// sums of the warps in the same way: one pair of barriers. Within a warp the steps of 01
// hillis_steele cost less than a tree: lanes that do not take part could do nothing else.
// Traffic: 4n elements of device memory. For 512 elements 85 shuffles, which pass through the pipe
// of shared memory too, and 34 other accesses, all without conflicts: 119 wavefronts, 2 barriers.
// Limited by: latency. A block is one chain: a load of 4 bytes per thread, 5 dependent shuffles, a
// barrier, 5 more in the first warp while 15 wait, a barrier, a store. A multiprocessor has four
// blocks to fill the gaps, and every element pays for the start of a thread and its address.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

struct warp_shuffle_tuning {
  static constexpr int tile = 512;  ///< one element per thread
  static constexpr int warps = tile / 32;
  static_assert(tile % 32 == 0 && warps <= 32, "one warp scans the sums of all");
};

namespace detail {

/// The lanes' values from lane 0 up to this one, combined.
template <class Op>
__device__ __forceinline__ typename Op::accumulator scan_lanes(const Op& op,
                                                               typename Op::accumulator value) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const typename Op::accumulator before = shuffle_up(value, distance);
    if (lane >= distance) value = op.combine(before, value);
  }
  return value;
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::tile)
    warp_shuffle_kernel(problem<T, Op> p, typename Op::accumulator* scanned,
                        typename Op::accumulator* sums) {
  using accumulator = typename Op::accumulator;
  constexpr int warps = Tuning::warps;
  __shared__ accumulator up_to_warp[warps];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::int64_t i = std::int64_t{blockIdx.x} * Tuning::tile + threadIdx.x;

  accumulator mine = i < p.n ? p.op.lift(p.in[i], i) : p.op.identity();
  mine = detail::scan_lanes(p.op, mine);
  if (lane == 31) up_to_warp[warp] = mine;
  __syncthreads();
  if (warp == 0) {
    const accumulator sum = lane < warps ? up_to_warp[lane] : p.op.identity();
    const accumulator up_to = detail::scan_lanes(p.op, sum);
    if (lane < warps) up_to_warp[lane] = up_to;
  }
  __syncthreads();

  if (p.what == kind::exclusive) {
    mine = shuffle_up(mine, 1);
    if (lane == 0) mine = p.op.identity();
  }
  if (warp > 0) mine = p.op.combine(up_to_warp[warp - 1], mine);
  if (i < p.n) scanned[i] = mine;
  if (threadIdx.x == 0) sums[blockIdx.x] = up_to_warp[warps - 1];
}

struct warp_shuffle {
  static constexpr rung_info info{3, "warp_shuffle", "warps scan in registers"};
  using tuning = warp_shuffle_tuning;
  template <class T, class Op>
  static constexpr int tile = tuning::tile;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    return detail::fits_grid(p.n, tile<T, Op>);
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::propagation_bytes<Op>(p.n, tile<T, Op>);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    if (p.n == 0) return cudaSuccess;
    return detail::scan_then_propagate<warp_shuffle>(
        p, stream, static_cast<typename Op::accumulator*>(workspace.data));
  }

  template <class T, class Op>
  static cudaError_t scan_tiles(const problem<T, Op>& p, typename Op::accumulator* scanned,
                                typename Op::accumulator* sums, unsigned tiles,
                                cudaStream_t stream) {
    return warpladder::launch_kernel(
        warp_shuffle_kernel<T, Op, tuning>,
        {.grid = dim3(tiles), .block = dim3(tuning::tile), .stream = stream}, p, scanned, sums);
  }
};

}  // namespace warpladder::scan
