// SPDX-License-Identifier: Apache-2.0
//
// 21 thread_per_segment. Segments are independent: the first thing to do is to give each its own
// thread, which walks it from one end to the other. No thread talks to another.
//
// Idea: one thread, one segment. Along columns, neighbouring lanes read neighbouring elements of a
// row; along rows, elements that are ld apart.
// Traffic, floats: a request of a warp along columns touches 128 bytes, 4 sectors of 32 bytes, all
// used. Along rows (of 8 elements and more) it touches 32 sectors, of which it uses 4 bytes each:
// 1 KiB moved for 128 bytes. The other 28 bytes of each are what the next 7 steps want, if L1 still
// has them: 2048 threads keep 2048 lines of 128 bytes busy, 256 KB, as much as L1 is at most.
// Limited by: along rows, sectors: up to 8 times the traffic. Along columns, how few threads there
// are: 1024 columns are 32 warps, a quarter of one per multiprocessor, with the few loads in
// flight that the compiler unrolls. Both in one way: long segments and few of them -> 22.
#pragma once

#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

struct thread_per_segment_tuning {
  static constexpr int threads = 128;
};

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    thread_per_segment_kernel(segmented_problem<T, Op> p) {
  const std::int64_t segment = std::int64_t{blockIdx.x} * Tuning::threads + threadIdx.x;
  if (segment >= p.segments()) return;
  const bool is_row = p.axis == along::rows;
  const std::int64_t begin = is_row ? segment * p.ld : segment, step = is_row ? 1 : p.ld;
  typename Op::accumulator total = p.op.identity();
  for (std::int64_t i = 0; i < p.length(); ++i)
    total = p.op.combine(total, p.op.lift(p.in[begin + i * step], i));
  p.out[segment] = p.op.finish(total);
}

struct thread_per_segment {
  static constexpr rung_info info{21, "thread_per_segment", "one thread walks each segment"};
  using tuning = thread_per_segment_tuning;

  template <class T, class Op>
  static support supports(const segmented_problem<T, Op>& p) {
    if (ceil_div<std::int64_t>(p.segments(), tuning::threads) >
        std::numeric_limits<std::int32_t>::max())
      return {"more blocks than the 2^31 - 1 of a grid"};
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
    const dim3 grid(unsigned(ceil_div<std::int64_t>(p.segments(), tuning::threads)));
    return warpladder::launch_kernel(
        thread_per_segment_kernel<T, Op, tuning>,
        {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, p);
  }
};

}  // namespace warpladder::reduce
