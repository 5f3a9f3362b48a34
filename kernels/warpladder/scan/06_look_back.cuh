// SPDX-License-Identifier: Apache-2.0
//
// 06 look_back. Before: in is read twice, because what stands before a chunk must be known before
// its first result is stored, and every launch waits for all of the one before.
//
// Idea: read once, keep the tile in registers, and ask the tiles before it (Merrill and Garland,
// "Single-pass Parallel Prefix Scan with Decoupled Look-back", 2016). A block tells its tile's sum
// as soon as it has it. Then a warp looks at the 32 tiles before: sums are added up until a tile is
// met that knows all up to its own end, its prefix. With that the block's own prefix is known and
// told. So the chain from tile to tile does not wait for anybody's loads. Forward progress: blocks
// take tiles by a ticket, in the order in which they start, and wait only for those before.
// Traffic: in is read, out written: 2n elements, 8 bytes per float. A tile of 4096 floats adds 16
// bytes of states, and 256 for each look at 32 of them, from L2. One memset, one kernel.
// Limited by: the latency of looks where device memory does not limit. A look is a round trip to L2
// (600 clocks and more under load) and 6 shuffles per word, and covers up to 32 tiles. Of the 792
// tiles of 6 blocks (40 registers) on each of 132 multiprocessors, the last is 25 looks away from a
// prefix if all began at once; later the starts are staggered. At 3 TB/s and 32 KB per tile, a tile
// ends every 11 ns: one has to look back over those that began in the microsecond before, 3 looks.
//
// Order, not association, is kept: how far a block has to look depends on timing, and with it which
// sums are added first. Results of floating point may differ in rounding from run to run.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/scan/04_block_scan.cuh>
#include <warpladder/scan/detail/tile_states.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

template <class T, class Op>
struct look_back_tuning : block_scan_tuning<T, Op> {
  static constexpr int blocks_per_sm = 4;  ///< or more: registers for accumulators of 16 bytes
};

namespace detail {

/// What stands before `tile` > 0, to lane 0 of a warp that is here as a whole.
template <class Op>
__device__ typename Op::accumulator look_back(const Op& op,
                                              const tile_states<typename Op::accumulator>& states,
                                              std::int64_t tile) {
  using accumulator = typename Op::accumulator;
  constexpr unsigned warp = 0xffffffffu;
  const int lane = threadIdx.x % 32;
  accumulator before = op.identity();
  for (std::int64_t nearest = tile - 1;; nearest -= 32) {
    const std::int64_t other = nearest - lane;  // lanes look further and further back
    told<accumulator> answer{tile_state::sum, op.identity()};
    unsigned prefixes, wanted;
    while (true) {
      if (other >= 0) answer = states.ask(other);
      prefixes = __ballot_sync(warp, answer.state == tile_state::prefix);
      wanted = prefixes == 0 ? warp : prefixes ^ (prefixes - 1);  // the nearest prefix ends it
      const unsigned unknown = __ballot_sync(warp, answer.state == tile_state::unknown);
      if ((unknown & wanted) == 0) break;
      __nanosleep(32);
    }
    accumulator sum = wanted >> lane & 1 ? answer.value : op.identity();
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
      const accumulator further = shuffle_down(sum, distance);
      if (lane + distance < 32) sum = op.combine(further, sum);
    }
    before = op.combine(sum, before);
    if (prefixes != 0) return before;
  }
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    look_back_kernel(problem<T, Op> p, unsigned* ticket,
                     detail::tile_states<typename Op::accumulator> states) {
  using accumulator = typename Op::accumulator;
  __shared__ unsigned drawn;
  __shared__ accumulator warp_sums[Tuning::warps], before_tile;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (threadIdx.x == 0) drawn = atomicAdd(ticket, 1u);
  __syncthreads();
  const std::int64_t tile = drawn;

  detail::warp_tile<T, Op, Tuning::rows> mine;
  const std::int64_t begin = tile * Tuning::tile + warp * mine.elements;
  mine.load(p, begin);
  const accumulator sum = detail::scan_warp(p.op, p.what, mine);
  if (lane == 0) warp_sums[warp] = sum;
  __syncthreads();
  const auto block = detail::combine_warps(p.op, warp_sums);
  if (warp == 0) {
    if (tile > 0 && lane == 0) states.tell(tile, detail::tile_state::sum, block.all);
    const accumulator before = tile > 0 ? detail::look_back(p.op, states, tile) : p.initial;
    if (lane == 0) {
      states.tell(tile, detail::tile_state::prefix, p.op.combine(before, block.all));
      before_tile = before;
    }
  }
  __syncthreads();
  const accumulator before_warp = p.op.combine(before_tile, block.before);
  mine.store(p.out, begin, p.n,
             [&](const accumulator& own) { return p.op.finish(p.op.combine(before_warp, own)); });
}

struct look_back {
  static constexpr rung_info info{6, "look_back", "one pass: tiles ask those before them"};
  template <class T, class Op>
  using tuning = look_back_tuning<T, Op>;
  template <class Op>
  using states = detail::tile_states<typename Op::accumulator>;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    return detail::fits_grid(p.n, tuning<T, Op>::tile);
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return p.n == 0 ? 0 : ticket_bytes + states<Op>::bytes(tiles(p));
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    if (p.n == 0) return cudaSuccess;
    auto* const ticket = static_cast<unsigned*>(workspace.data);
    const cudaError_t zeroed =
        cudaMemsetAsync(ticket, 0, ticket_bytes + states<Op>::zeroed_bytes(tiles(p)), stream);
    if (zeroed != cudaSuccess) return zeroed;
    return warpladder::launch_kernel(
        look_back_kernel<T, Op, tuning<T, Op>>,
        {.grid = dim3(unsigned(tiles(p))), .block = dim3(tuning<T, Op>::threads), .stream = stream},
        p, ticket, states<Op>(static_cast<char*>(workspace.data) + ticket_bytes, tiles(p)));
  }

 private:
  static constexpr std::size_t ticket_bytes = 128;  // the states begin in a cache line of their own

  template <class T, class Op>
  static std::int64_t tiles(const problem<T, Op>& p) {
    return ceil_div<std::int64_t>(p.n, tuning<T, Op>::tile);
  }
};

}  // namespace warpladder::scan
