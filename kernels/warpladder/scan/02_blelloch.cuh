// SPDX-License-Identifier: Apache-2.0
//
// 02 blelloch. Before: 9 combinations per element of a tile of 512, where a loop needs one.
//
// Idea: two sweeps over a tree of sums (Blelloch, "Prefix Sums and Their Applications", 1990; for
// GPUs Harris, Sengupta and Owens, "Parallel Prefix Sum (Scan) with CUDA", 2007). Up: each node
// becomes the sum of its two children. Down: each node passes what stands before it to its left
// child, and that combined with the left child's sum to its right one.
// Traffic: 4n elements of device memory, as before. 2 combinations per element instead of 9. But
// neighbouring threads touch elements 2, 4, 8, ... apart, in 16, 8, 4, ... of the 32 banks: an
// access to all nodes of a level takes 16 wavefronts on each of the lower five levels, whether 256
// threads make it or 16, and 95 on all nine. With 3 accesses going up, 4 going down and those at
// either end that is 699 for a tile of 512. 01 hillis_steele, which does 4.5 times the arithmetic,
// needs 450: on a GPU work is not what the algorithm was made to save.
// Limited by: bank conflicts, 525 of the 699, and 19 barriers at which most threads had nothing to
// do. One unused element after every 32 (`padded`) removes all conflicts in tiles of up to 1024:
// 174 wavefronts for a tile. The barriers stay.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

struct blelloch_tuning {
  static constexpr int threads = 256;
  static constexpr int tile = 2 * threads;
  static constexpr bool padded = false;  ///< see above: kept as it was published
};

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    blelloch_kernel(problem<T, Op> p, typename Op::accumulator* scanned,
                    typename Op::accumulator* sums) {
  using accumulator = typename Op::accumulator;
  constexpr int tile = Tuning::tile, threads = Tuning::threads;
  __shared__ accumulator tree[tile + (Tuning::padded ? tile / 32 : 0)];
  const auto at = [](int node) { return Tuning::padded ? node + node / 32 : node; };
  const int me = threadIdx.x;
  const std::int64_t begin = std::int64_t{blockIdx.x} * tile;

  accumulator own[2];
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const int element = me + k * threads;
    const std::int64_t i = begin + element;
    own[k] = i < p.n ? p.op.lift(p.in[i], i) : p.op.identity();
    tree[at(element)] = own[k];
  }

  // A node lies where its last element does, its left child `stride` before it.
  for (int stride = 1; stride < tile; stride *= 2) {
    __syncthreads();
    const int node = (me + 1) * 2 * stride - 1;
    if (node < tile) tree[at(node)] = p.op.combine(tree[at(node - stride)], tree[at(node)]);
  }
  if (me == 0) {  // the thread that has just made the root
    sums[blockIdx.x] = tree[at(tile - 1)];
    tree[at(tile - 1)] = p.op.identity();
  }
  for (int stride = tile / 2; stride > 0; stride /= 2) {
    __syncthreads();
    const int node = (me + 1) * 2 * stride - 1;
    if (node < tile) {
      const accumulator left = tree[at(node - stride)], before = tree[at(node)];
      tree[at(node - stride)] = before;
      tree[at(node)] = p.op.combine(before, left);
    }
  }
  __syncthreads();

#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const int element = me + k * threads;
    const std::int64_t i = begin + element;
    const accumulator before = tree[at(element)];
    if (i < p.n) scanned[i] = p.what == kind::inclusive ? p.op.combine(before, own[k]) : before;
  }
}

struct blelloch {
  static constexpr rung_info info{2, "blelloch", "work-efficient: up and down a tree of sums"};
  using tuning = blelloch_tuning;
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
    return detail::scan_then_propagate<blelloch>(
        p, stream, static_cast<typename Op::accumulator*>(workspace.data));
  }

  template <class T, class Op>
  static cudaError_t scan_tiles(const problem<T, Op>& p, typename Op::accumulator* scanned,
                                typename Op::accumulator* sums, unsigned tiles,
                                cudaStream_t stream) {
    return warpladder::launch_kernel(
        blelloch_kernel<T, Op, tuning>,
        {.grid = dim3(tiles), .block = dim3(tuning::threads), .stream = stream}, p, scanned, sums);
  }
};

}  // namespace warpladder::scan
