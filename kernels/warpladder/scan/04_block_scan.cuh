// SPDX-License-Identifier: Apache-2.0
//
// 04 block_scan. Before: one element per thread pays for a start, an address, 5 shuffles and a pair
// of barriers, and a thread has 4 bytes in flight.
//
// Idea: 16 floats per thread, in registers. A warp holds rows of 128 neighbours, 4 in each lane,
// that one access of 16 bytes moves (element by element where the array is not aligned to 16). A
// lane combines its 4 by itself; only the lanes' sums are shuffled, row by row, and only the warps'
// sums pass through shared memory, where every warp adds up those before it: one barrier.
// Traffic: 4n elements of device memory. For the 512 elements of a warp: 4 * 7 shuffles (1.75 per
// 32 elements instead of 5.3), 1 store to shared memory and 8 loads; 4 loads and 4 stores of 512
// bytes. 2048 threads have 128 KB in flight; 1.5 TB/s at 600 ns need 6.8 KB per multiprocessor.
// Limited by: device memory, which moves 16 bytes per float where 8 would be enough.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/scan/03_warp_shuffle.cuh>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

template <class T, class Op>
struct block_scan_tuning {
  static constexpr int warps = 8, threads = 32 * warps;
  static constexpr int rows = 4;  ///< loads that a thread has in flight
  static constexpr int tile = warps * detail::warp_tile<T, Op, rows>::elements;
};

namespace detail {

/// Scans a warp's elements, inclusive or exclusive, and returns their sum to all lanes.
template <class T, class Op, int Rows>
__device__ __forceinline__ typename Op::accumulator scan_warp(const Op& op, kind what,
                                                              warp_tile<T, Op, Rows>& tile) {
  using accumulator = typename Op::accumulator;
  constexpr int vector = warp_tile<T, Op, Rows>::vector;
  const int lane = threadIdx.x % 32;
  accumulator sum = op.identity();  // of the rows above
#pragma unroll
  for (int r = 0; r < Rows; ++r) {
    accumulator own = tile.at[r][0];
#pragma unroll
    for (int v = 1; v < vector; ++v) own = op.combine(own, tile.at[r][v]);
    const accumulator up_to = scan_lanes(op, own);
    accumulator before = shuffle_up(up_to, 1);
    before = lane == 0 ? sum : op.combine(sum, before);
#pragma unroll
    for (int v = 0; v < vector; ++v) {
      const accumulator with = op.combine(before, tile.at[r][v]);
      tile.at[r][v] = what == kind::inclusive ? with : before;
      before = with;
    }
    sum = op.combine(sum, shuffle_from(up_to, 31));
  }
  return sum;
}

template <class Accumulator>
struct in_block {
  Accumulator before;  ///< what stands before this warp
  Accumulator all;     ///< the sum of the block
};

/// Between the barrier behind which all of the `sums` can be read and the next write to them.
template <int Warps, class Op>
__device__ __forceinline__ in_block<typename Op::accumulator> combine_warps(
    const Op& op, const typename Op::accumulator (&sums)[Warps]) {
  in_block<typename Op::accumulator> found{op.identity(), sums[0]};
#pragma unroll
  for (int w = 1; w < Warps; ++w) {
    if (w == int(threadIdx.x / 32)) found.before = found.all;
    found.all = op.combine(found.all, sums[w]);
  }
  return found;
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    block_scan_kernel(problem<T, Op> p, typename Op::accumulator* scanned,
                      typename Op::accumulator* sums) {
  using accumulator = typename Op::accumulator;
  __shared__ accumulator warp_sums[Tuning::warps];
  const int warp = threadIdx.x / 32;
  detail::warp_tile<T, Op, Tuning::rows> mine;
  const std::int64_t begin = std::int64_t{blockIdx.x} * Tuning::tile + warp * mine.elements;

  mine.load(p, begin);
  const accumulator sum = detail::scan_warp(p.op, p.what, mine);
  if (threadIdx.x % 32 == 0) warp_sums[warp] = sum;
  __syncthreads();
  const auto block = detail::combine_warps(p.op, warp_sums);
  if (threadIdx.x == 0) sums[blockIdx.x] = block.all;
  mine.store(scanned, begin, p.n,
             [&](const accumulator& own) { return p.op.combine(block.before, own); });
}

struct block_scan {
  static constexpr rung_info info{4, "block_scan", "16 elements per thread, in registers"};
  template <class T, class Op>
  using tuning = block_scan_tuning<T, Op>;
  template <class T, class Op>
  static constexpr int tile = tuning<T, Op>::tile;

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
    return detail::scan_then_propagate<block_scan>(
        p, stream, static_cast<typename Op::accumulator*>(workspace.data));
  }

  template <class T, class Op>
  static cudaError_t scan_tiles(const problem<T, Op>& p, typename Op::accumulator* scanned,
                                typename Op::accumulator* sums, unsigned tiles,
                                cudaStream_t stream) {
    return warpladder::launch_kernel(
        block_scan_kernel<T, Op, tuning<T, Op>>,
        {.grid = dim3(tiles), .block = dim3(tuning<T, Op>::threads), .stream = stream}, p, scanned,
        sums);
  }
};

}  // namespace warpladder::scan
