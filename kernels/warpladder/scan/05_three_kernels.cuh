// SPDX-License-Identifier: Apache-2.0
//
// 05 three_kernels. Before: 4n elements, because the scans of the tiles were written, read and
// written again when what stands before a tile was known.
//
// Idea: find that out first, and write once (reduce, then scan: Merrill and Grimshaw, "Parallel
// Scan for Stream Architectures", 2009). The array is cut into chunks, four per multiprocessor.
// Kernel 1 adds up the chunks, kernel 2, one block, scans the sums, kernel 3 scans the chunks tile
// after tile and carries the sum along in registers. Three launches for any length.
// Traffic: in is read twice, out written once: 3n elements, 12 bytes per float instead of 16. What
// fits into L2 (50 MB on an H100) is read from device memory once. Scratch: a sum per chunk.
// Limited by: device memory, which still moves 12 bytes per float where 8 would be enough, and for
// short arrays by three launches, of which each waits for all blocks of the one before.
#pragma once

#include <cstdint>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/04_block_scan.cuh>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

template <class T, class Op>
struct three_kernels_tuning : block_scan_tuning<T, Op> {
  static constexpr int blocks_per_sm = 4;
};

/// sums[chunk] = the sum of this block's chunk, of which every warp adds up a run of its own.
template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    sum_chunks_kernel(problem<T, Op> p, std::int64_t chunk_tiles, typename Op::accumulator* sums) {
  using accumulator = typename Op::accumulator;
  __shared__ accumulator warp_sums[Tuning::warps];
  const int warp = threadIdx.x / 32;
  detail::warp_tile<T, Op, Tuning::rows> mine;
  std::int64_t begin =
      (blockIdx.x * std::int64_t{Tuning::warps} + warp) * chunk_tiles * mine.elements;

  accumulator sum = p.op.identity();
  for (std::int64_t k = 0; k < chunk_tiles && begin < p.n; ++k, begin += mine.elements) {
    mine.load(p, begin);
    sum = p.op.combine(sum, detail::scan_warp(p.op, p.what, mine));
  }
  if (threadIdx.x % 32 == 0) warp_sums[warp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) sums[blockIdx.x] = detail::combine_warps(p.op, warp_sums).all;
}

/// The scan of this block's chunk; before[chunk] stands before it, or p.initial if null.
template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    scan_chunks_kernel(problem<T, Op> p, std::int64_t chunk_tiles,
                       const typename Op::accumulator* before) {
  using accumulator = typename Op::accumulator;
  __shared__ accumulator warp_sums[2][Tuning::warps];  // one is read while the other is written
  const int warp = threadIdx.x / 32;
  detail::warp_tile<T, Op, Tuning::rows> mine;
  std::int64_t begin = blockIdx.x * chunk_tiles * Tuning::tile;

  accumulator carry = before == nullptr ? p.initial : before[blockIdx.x];
  for (std::int64_t k = 0; k < chunk_tiles && begin < p.n; ++k, begin += Tuning::tile) {
    mine.load(p, begin + warp * mine.elements);
    const accumulator sum = detail::scan_warp(p.op, p.what, mine);
    if (threadIdx.x % 32 == 0) warp_sums[k % 2][warp] = sum;
    __syncthreads();
    const auto block = detail::combine_warps(p.op, warp_sums[k % 2]);
    const accumulator before_warp = p.op.combine(carry, block.before);
    mine.store(p.out, begin + warp * mine.elements, p.n,
               [&](const accumulator& own) { return p.op.finish(p.op.combine(before_warp, own)); });
    carry = p.op.combine(carry, block.all);
  }
}

struct three_kernels {
  static constexpr rung_info info{5, "three_kernels", "add up, scan the sums, scan: 3n traffic"};
  template <class T, class Op>
  using tuning = three_kernels_tuning<T, Op>;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    device_facts device;
    if (p.n == 0 || query_device(device) != cudaSuccess) return 0;
    return std::size_t(cut(p, device).chunks) * sizeof(typename Op::accumulator);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const cut_up array = cut(p, device);
    auto* const sums = static_cast<typename Op::accumulator*>(workspace.data);
    if (lacks(workspace, std::size_t(array.chunks) * sizeof *sums)) return cudaErrorInvalidValue;

    using on_array = tuning<T, Op>;
    const cudaError_t status = warpladder::launch_kernel(
        sum_chunks_kernel<T, Op, on_array>,
        {.grid = dim3(array.chunks), .block = dim3(on_array::threads), .stream = stream}, p,
        array.chunk_tiles, sums);
    if (status != cudaSuccess) return status;
    const auto level = detail::before_parts(array.chunks, sums, p.op, p.initial);
    const cudaError_t scanned = launch_scan(level, {1, tiles(level)}, nullptr, stream);
    return scanned == cudaSuccess ? launch_scan(p, array, sums, stream) : scanned;
  }

 private:
  struct cut_up {
    unsigned chunks;
    std::int64_t chunk_tiles;
  };

  template <class T, class Op>
  static std::int64_t tiles(const problem<T, Op>& p) {
    return ceil_div<std::int64_t>(p.n, tuning<T, Op>::tile);
  }

  template <class T, class Op>
  static cut_up cut(const problem<T, Op>& p, const device_facts& device) {
    const std::int64_t slots = std::int64_t{device.multiprocessors} * tuning<T, Op>::blocks_per_sm;
    const std::int64_t chunk_tiles = ceil_div(tiles(p), slots);
    return {unsigned(ceil_div(tiles(p), chunk_tiles)), chunk_tiles};
  }

  template <class T, class Op>
  static cudaError_t launch_scan(const problem<T, Op>& p, const cut_up& array,
                                 const typename Op::accumulator* before, cudaStream_t stream) {
    using on_array = tuning<T, Op>;
    return warpladder::launch_kernel(
        scan_chunks_kernel<T, Op, on_array>,
        {.grid = dim3(array.chunks), .block = dim3(on_array::threads), .stream = stream}, p,
        array.chunk_tiles, before);
  }
};

}  // namespace warpladder::scan
