// SPDX-License-Identifier: Apache-2.0
//
// 22 block_per_segment. Before: as many threads as segments, and along rows 32 sectors per request.
//
// Idea: a block of 256 walks each segment together, and combines what its threads found: 5 steps of
// shuffles in every warp, the 8 results through shared memory, 3 more steps.
// Traffic, floats: along rows a request touches 128 bytes in 4 sectors, all used (5, if a row does
// not begin at a multiple of 32 bytes). Along columns it is the other way round: lanes are ld
// apart, 32 sectors for 128 bytes, and the other 28 bytes of each belong to the blocks beside this
// one: used only if these run at the same time and L2 keeps the sector for all 8.
// Limited by: along rows, 4 bytes per thread and request in flight, as many blocks as there are
// rows (one row: one multiprocessor), and rows below 256 elements, which leave threads without work
// but not without the combination. Along columns, sectors -> 23 looks at the shape.
#pragma once

#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

struct block_per_segment_tuning {
  static constexpr int threads = 256, warps = threads / 32;
  static_assert(warps <= 32, "one warp combines what the warps found");
};

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    block_per_segment_kernel(segmented_problem<T, Op> p) {
  using accumulator = typename Op::accumulator;
  __shared__ accumulator of_warp[Tuning::warps];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const std::int64_t segment = blockIdx.x;
  const bool is_row = p.axis == along::rows;
  const std::int64_t begin = is_row ? segment * p.ld : segment, step = is_row ? 1 : p.ld;

  accumulator total = p.op.identity();
  for (std::int64_t i = threadIdx.x; i < p.length(); i += Tuning::threads)
    total = p.op.combine(total, p.op.lift(p.in[begin + i * step], i));

#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    total = p.op.combine(total, shuffle_xor(total, distance));
  if (lane == 0) of_warp[warp] = total;
  __syncthreads();
  if (warp > 0) return;
  total = lane < Tuning::warps ? of_warp[lane] : p.op.identity();
#pragma unroll
  for (int distance = Tuning::warps / 2; distance > 0; distance /= 2)
    total = p.op.combine(total, shuffle_xor(total, distance));
  if (lane == 0) p.out[segment] = p.op.finish(total);
}

struct block_per_segment {
  static constexpr rung_info info{22, "block_per_segment", "a block and its tree for each segment"};
  using tuning = block_per_segment_tuning;

  template <class T, class Op>
  static support supports(const segmented_problem<T, Op>& p) {
    if (p.segments() > std::numeric_limits<std::int32_t>::max())
      return {"more segments than the 2^31 - 1 blocks of a grid"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const segmented_problem<T, Op>&) {
    return 0;
  }

  template <class T, class Op>
  static cudaError_t launch(const segmented_problem<T, Op>& p, cudaStream_t stream,
                            workspace_view) {
    if (p.segments() == 0) return cudaSuccess;
    return warpladder::launch_kernel(
        block_per_segment_kernel<T, Op, tuning>,
        {.grid = dim3(unsigned(p.segments())), .block = dim3(tuning::threads), .stream = stream},
        p);
  }
};

}  // namespace warpladder::reduce
