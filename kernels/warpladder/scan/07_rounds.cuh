// SPDX-License-Identifier: Apache-2.0
//
// 07 rounds. Before: 06 looks back tile by tile, along a chain whose length depends on timing, and
// so does the order in which floats are added. The loads of a block are in flight only until it
// begins to compute.
//
// Idea: a grid that stays, whose blocks advance together. In round r block b has tile r * blocks +
// b. It publishes the tile's sum and reads the sums of all blocks of the round: they give what
// stands before its own tile and, as a carry, before the next round. There is no chain, and the
// order of additions is fixed: equal inputs give equal bits on one device. Two things hide the
// wait: the copy engine brings tiles into a ring of stages well ahead, and the next tile is summed
// and published before this one is waited for:
//   sum and publish r + 1; collect the sums of r; scan and write r; request r + stages.
// One read of device memory is enough because the tile stays in shared memory between the two
// passes, as it stays in registers in "StreamScan: Fast Scan Algorithms for GPUs without Global
// Barrier Synchronization" (Yan, Long, Zhang, 2013), which passes a carry from block to block.
// Traffic: each element is read and written once. Per tile of 32 KiB one sum, which all blocks
// read through L2: 264 * 8 bytes, 3.2% of the 64 KiB moved. At 2.7 TB/s a multiprocessor takes in
// 10.2 bytes per ns: the tiles of its two blocks last 6.4 us, in which 64 to 128 KiB are in flight;
// 1 us of latency needs 10. While one block stands at a barrier or collects, the other one works.
// Shared memory passes a tile three times: 1536 of 11000 clocks for both. 2.6 elements per ns are
// 1.5 per clock, 85 warp instructions per 32 elements; about 30 are needed, 12 of them shuffles.
// Start: one grid barrier, about 1 us, while the first tiles arrive; no memset.
// Limited by: device memory; in the first two rounds by latency: load, barrier, collect, store.
#pragma once

#include <cooperative_groups.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/scan/03_warp_shuffle.cuh>
#include <warpladder/scan/detail/round_board.cuh>
#include <warpladder/scan/detail/vectors.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

/// Larger accumulators have a multiprocessor to themselves, for their registers.
template <class Accumulator>
struct rounds_tuning {
  static constexpr int threads = 512;
  static constexpr int rows = 4;  ///< vectors of up to 16 bytes per thread and tile
  static constexpr int blocks_per_sm = sizeof(Accumulator) <= 4 ? 2 : 1;
  static constexpr int stages = 6 / blocks_per_sm;  ///< two in work, into the others tiles arrive
};

namespace detail {

/// The lanes' values, combined in their order; every lane gets it.
template <class Op>
__device__ __forceinline__ typename Op::accumulator sum_lanes(const Op& op,
                                                              typename Op::accumulator value) {
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const typename Op::accumulator other = shuffle_xor(value, distance);
    value = threadIdx.x & distance ? op.combine(other, value) : op.combine(value, other);
  }
  return value;
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    rounds_kernel(problem<T, Op> p, int rounds, int tile,
                  detail::round_board<typename Op::accumulator> board) {
  using accumulator = typename Op::accumulator;
  using result = typename Op::result;
  constexpr int threads = Tuning::threads, warps = threads / 32, max_rows = Tuning::rows;
  constexpr int stages = Tuning::stages, each = detail::warp_tile<T, Op, 1>::vector;
  __shared__ transaction_barrier landed[stages];
  __shared__ accumulator warp_sum[warps], warp_before[warps], warp_of_round[warps];
  T* const ring = dynamic_shared<T>();
  const Op& op = p.op;
  const int blocks = gridDim.x, block = blockIdx.x, warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;

  // A warp has a slice of the tile, in rows of 32 vectors, one per lane.
  const int rows = ceil_div(tile, threads * each);
  const int first = (warp * rows * 32 + lane) * each;
  const auto begin = [&](int round) { return (std::int64_t{round} * blocks + block) * tile; };
  const auto size = [&](int round) {
    const std::int64_t left = p.n - begin(round);
    return left < 0 ? 0 : left < tile ? int(left) : tile;
  };
  const auto stage = [&](int round) { return ring + round % stages * (threads * max_rows * each); };

  // The engine copies whole pieces of 16 aligned bytes; threads copy what it cannot.
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(p.in) % 16 == 0;
  const auto engine_bytes = [&](int round) {
    return is_aligned ? unsigned(size(round) * sizeof(T)) / 16 * 16 : 0u;
  };
  const auto request = [&](int round) {
    if (threadIdx.x != 0 || round >= rounds || engine_bytes(round) == 0) return;
    landed[round % stages].arrive_and_expect(engine_bytes(round));
    bulk_copy_to_shared(stage(round), p.in + begin(round), engine_bytes(round),
                        landed[round % stages]);
  };
  const auto receive = [&](int round) {
    const unsigned bytes = engine_bytes(round);
    if (bytes > 0) landed[round % stages].wait(unsigned(round / stages % 2));
    const int copied = int(bytes / sizeof(T)), whole = size(round);
    if (copied == whole) return;
#pragma unroll 4
    for (int i = copied + int(threadIdx.x); i < whole; i += threads)
      stage(round)[i] = p.in[begin(round) + i];
    __syncthreads();
  };

  // before[row] = the sum of what stands in the tile before this lane's vector.
  const auto sum_and_publish = [&](int round, accumulator(&before)[max_rows]) {
    receive(round);
    const T* const elements = stage(round);
    const std::int64_t index = begin(round);
    const int end = size(round);
    accumulator total = op.identity();
#pragma unroll
    for (int row = 0; row < max_rows; ++row) {
      if (row >= rows) break;
      const int at = first + row * 32 * each;
      accumulator sum = op.identity();
      if (at + each <= end) {
        T x[each];
        detail::load_vector(x, elements + at);
        sum = op.lift(x[0], index + at);
#pragma unroll
        for (int i = 1; i < each; ++i) sum = op.combine(sum, op.lift(x[i], index + at + i));
      } else {
#pragma unroll 1
        for (int i = at; i < end; ++i) sum = op.combine(sum, op.lift(elements[i], index + i));
      }
      sum = detail::scan_lanes(op, sum);
      const accumulator below = shuffle_up(sum, 1);
      before[row] = lane == 0 ? total : op.combine(total, below);
      total = op.combine(total, shuffle_from(sum, 31));
    }
    if (lane == 0) warp_sum[warp] = total;
    __syncthreads();
    total = detail::scan_lanes(op, lane < warps ? warp_sum[lane] : op.identity());
    if (threadIdx.x == 31) board.publish(round, total);
    if (warp > 0) {
      const accumulator below = shuffle_from(total, warp - 1);
#pragma unroll
      for (int row = 0; row < max_rows; ++row)
        if (row < rows) before[row] = op.combine(below, before[row]);
    }
  };

  // What stands before this block's tile; moves the carry on to the next round. Every thread reads
  // the sums of `share` neighbouring blocks, usually of one.
  accumulator carry = p.initial;
  const int share = ceil_div(blocks, threads);
  const auto collect = [&](int round) {
    const int last = round + 1 < rounds ? blocks : block;  // nobody needs the last carry
    accumulator of_round = op.identity(), of_blocks_before = op.identity();
    if (warp * 32 * share < last) {
      const int own = int(threadIdx.x) * share;
      for (int other = own; other < own + share && other < last; ++other) {
        of_round = op.combine(of_round, board.wait_for(round, other));
        if (other < block) of_blocks_before = of_round;
      }
      of_blocks_before = detail::sum_lanes(op, of_blocks_before);
      of_round = detail::sum_lanes(op, of_round);
    }
    if (lane == 0) warp_before[warp] = of_blocks_before;
    if (lane == 0) warp_of_round[warp] = of_round;
    __syncthreads();
    of_blocks_before = detail::sum_lanes(op, lane < warps ? warp_before[lane] : op.identity());
    of_round = detail::sum_lanes(op, lane < warps ? warp_of_round[lane] : op.identity());
    const accumulator before_tile = op.combine(carry, of_blocks_before);
    carry = op.combine(carry, of_round);
    return before_tile;
  };

  const bool whole_stores = reinterpret_cast<std::uintptr_t>(p.out) % (each * sizeof(result)) == 0;
  const auto scan_and_write = [&](int round, const accumulator& before_tile,
                                  const accumulator(&before)[max_rows]) {
    const std::int64_t index = begin(round);
    const int end = size(round);
    T x[max_rows][each] = {};
#pragma unroll
    for (int row = 0; row < max_rows; ++row) {
      const int at = first + row * 32 * each;
      if (row < rows && at + each <= end) detail::load_vector(x[row], stage(round) + at);
    }
    __syncthreads();
    request(round + stages);
#pragma unroll
    for (int row = 0; row < max_rows; ++row) {
      const int at = first + row * 32 * each;
      if (row >= rows || at >= end) break;
      accumulator sum = op.combine(before_tile, before[row]);
      const auto next = [&](T element, int i) {
        const accumulator up_to = op.combine(sum, op.lift(element, index + i));
        const result y = op.finish(p.what == kind::inclusive ? up_to : sum);
        sum = up_to;
        return y;
      };
      result* const out = p.out + index;
      if (at + each <= end) {
        result y[each];
#pragma unroll
        for (int i = 0; i < each; ++i) y[i] = next(x[row][i], at + i);
        if (whole_stores) {
          detail::store_vector(out + at, y);
        } else {
#pragma unroll
          for (int i = 0; i < each; ++i) out[at + i] = y[i];
        }
      } else {  // the end of the array: the last round, whose stage is not requested again
#pragma unroll 1
        for (int i = at; i < end; ++i) out[i] = next(stage(round)[i], i);
      }
    }
  };

  // In place: a tile is written after all of it has been received, and nobody reads it again.
  if (threadIdx.x == 0) {
    for (int slot = 0; slot < stages; ++slot) landed[slot].init();
    for (int round = 0; round < stages; ++round) request(round);
    for (int round = 1; round < board.rounds_kept; ++round) board.clear(round);
  }
  __syncthreads();
  accumulator before[max_rows], before_next[max_rows];
  sum_and_publish(0, before);
  cooperative_groups::this_grid().sync();  // the board is cleared
  for (int round = 0; round < rounds; ++round) {
    if (round + 1 < rounds) sum_and_publish(round + 1, before_next);
    scan_and_write(round, collect(round), before);
#pragma unroll
    for (int row = 0; row < max_rows; ++row) before[row] = before_next[row];
  }
}

struct rounds {
  static constexpr rung_info info{7, "rounds", "resident blocks exchange sums once per round", 90};
  template <class Accumulator>
  using tuning = rounds_tuning<Accumulator>;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    if constexpr (sizeof(T) > 16) return {"elements of more than 16 bytes"};
    return {};
  }

  /// Does the device have the shared memory?
  template <class T, class Op>
  static bool fits(const problem<T, Op>& p) {
    plan how;
    return supports(p) &&
           make_plan<T, Op, tuning<typename Op::accumulator>>(p.n, how) == cudaSuccess;
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return workspace_bytes_tuned<tuning<typename Op::accumulator>>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream, workspace_view scratch) {
    return launch_tuned<tuning<typename Op::accumulator>>(p, stream, scratch);
  }

  /// The same with a tuning of the caller's choice.
  template <class Tuning, class T, class Op>
  static std::size_t workspace_bytes_tuned(const problem<T, Op>& p) {
    plan how;
    if (p.n == 0 || make_plan<T, Op, Tuning>(p.n, how) != cudaSuccess) return 0;
    return detail::round_board<typename Op::accumulator>::bytes(how.blocks);
  }

  template <class Tuning, class T, class Op>
  static cudaError_t launch_tuned(const problem<T, Op>& p, cudaStream_t stream,
                                  workspace_view scratch) {
    using board = detail::round_board<typename Op::accumulator>;
    if (p.n == 0) return cudaSuccess;
    plan how;
    if (const cudaError_t status = make_plan<T, Op, Tuning>(p.n, how); status != cudaSuccess)
      return status;
    if (lacks(scratch, board::bytes(how.blocks))) return cudaErrorInvalidValue;
    return warpladder::launch_kernel(rounds_kernel<T, Op, Tuning>,
                                     {.grid = dim3(unsigned(how.blocks)),
                                      .block = dim3(Tuning::threads),
                                      .shared_bytes = shared_bytes<T, Op, Tuning>,
                                      .stream = stream,
                                      .cooperative = true},
                                     p, how.rounds, how.tile,
                                     board{static_cast<unsigned long long*>(scratch.data)});
  }

  /// Dynamic shared memory of a block; the device must have it, and 3 KiB more.
  template <class T, class Op, class Tuning>
  static constexpr int shared_bytes =
      Tuning::stages* Tuning::threads* Tuning::rows* detail::lane_vector<T, Op>() * int{sizeof(T)};

 private:
  struct plan {
    int blocks, rounds, tile;
  };

  /// As many rounds as the largest tile takes, of tiles as small as that leaves them.
  template <class T, class Op, class Tuning>
  static cudaError_t make_plan(std::int64_t n, plan& how) {
    int device = 0, multiprocessors = 0, shared = 0;
    cudaError_t status = cudaGetDevice(&device);
    if (status == cudaSuccess)
      status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    if (status == cudaSuccess)
      status = cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device);
    if (status != cudaSuccess) return status;
    const int resident =
        std::min(Tuning::blocks_per_sm, shared / (shared_bytes<T, Op, Tuning> + 3 * 1024));
    if (resident == 0) return cudaErrorNotSupported;

    constexpr int row = Tuning::threads * detail::warp_tile<T, Op, 1>::vector;
    constexpr std::int64_t largest = Tuning::rows * row, grain = row / Tuning::threads * 32;
    const std::int64_t blocks = std::int64_t{resident} * multiprocessors;
    const std::int64_t rounds = ceil_div(n, blocks * largest);
    const std::int64_t tile =
        std::max<std::int64_t>(row, round_up(ceil_div(n, blocks * rounds), grain));
    how = {int(std::min(blocks, ceil_div(n, tile))), int(ceil_div(n, blocks * tile)), int(tile)};
    return cudaSuccess;
  }
};

}  // namespace warpladder::scan
