// SPDX-License-Identifier: Apache-2.0
//
// 01 hillis_steele. Every element waits for the one before it, and 64 warps of a multiprocessor
// want to work at the same time.
//
// Idea: an element needs log2 steps, not n. In step k every element is combined with the one 2^k
// before it (Hillis and Steele, "Data Parallel Algorithms", 1986). A block scans a tile so, in two
// buffers of shared memory, of which one is read and the other written; the sums of the tiles are
// scanned by a recursive launch, and a second kernel combines them with the elements
// (detail/scan_then_propagate.cuh).
// Traffic: in is read, the scans of the tiles are written, read and written again: 4n elements of
// device memory, 16 bytes per float; the levels above add 1/512. Per element, 9 combinations where
// a loop needs one; per block, 10 barriers and 450 wavefronts of shared memory.
// Limited by: shared memory. A warp's 28 wavefronts take 28 clocks of a multiprocessor; the 256
// bytes that this kernel moves for it take 19 at 3 TB/s (13.4 bytes per clock on each of 132
// multiprocessors at 1.7 GHz). The barriers keep both idle in between.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

struct hillis_steele_tuning {
  static constexpr int tile = 512;  ///< one element per thread
};

/// scanned[i] = the scan of the tile alone, sums[tile] = all of it.
template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::tile)
    hillis_steele_kernel(problem<T, Op> p, typename Op::accumulator* scanned,
                         typename Op::accumulator* sums) {
  constexpr int tile = Tuning::tile;
  __shared__ typename Op::accumulator buffer[2][tile];
  const int me = threadIdx.x;
  const std::int64_t i = std::int64_t{blockIdx.x} * tile + me;

  int now = 0;
  buffer[now][me] = i < p.n ? p.op.lift(p.in[i], i) : p.op.identity();
  for (int distance = 1; distance < tile; distance *= 2) {
    __syncthreads();
    const typename Op::accumulator own = buffer[now][me];
    buffer[1 - now][me] = me >= distance ? p.op.combine(buffer[now][me - distance], own) : own;
    now = 1 - now;
  }
  __syncthreads();

  const int wanted = p.what == kind::inclusive ? me : me - 1;
  if (i < p.n) scanned[i] = wanted < 0 ? p.op.identity() : buffer[now][wanted];
  if (me == 0) sums[blockIdx.x] = buffer[now][tile - 1];
}

struct hillis_steele {
  static constexpr rung_info info{1, "hillis_steele", "log2 steps in shared memory"};
  using tuning = hillis_steele_tuning;
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
    return detail::scan_then_propagate<hillis_steele>(
        p, stream, static_cast<typename Op::accumulator*>(workspace.data));
  }

  template <class T, class Op>
  static cudaError_t scan_tiles(const problem<T, Op>& p, typename Op::accumulator* scanned,
                                typename Op::accumulator* sums, unsigned tiles,
                                cudaStream_t stream) {
    return warpladder::launch_kernel(
        hillis_steele_kernel<T, Op, tuning>,
        {.grid = dim3(tiles), .block = dim3(tuning::tile), .stream = stream}, p, scanned, sums);
  }
};

}  // namespace warpladder::scan
