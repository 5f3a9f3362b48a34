// SPDX-License-Identifier: Apache-2.0
//
// 08 two_kernels. Before: the second kernel was started when the first had ended. Between two
// kernels of a stream lies the time to drain one and to start the other, predicted 1 us.
//
// Idea: programmatic dependent launch (compute capability 9.0). The first kernel permits its
// successor to start at its very beginning: the one block of the second is set up on a
// multiprocessor while the first reads the array, and waits there until the first has ended and its
// partials are visible. CUDA C++ Programming Guide, "Programmatic Dependent Launch and
// Synchronization".
// Latency: of the microsecond remains the signal from the last block of the first kernel to the
// block that waits. The waiting block occupies 512 of the 2048 threads of one multiprocessor, on
// which two blocks of the first use 1024, and issues nothing.
// Limited by: two launches for the processor that makes them, and for small n the way of a partial
// through L2: stored, signalled, loaded -> 09 last_block.
#pragma once

#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    two_kernels_first_kernel(problem<T, Op> p, typename Op::accumulator* partials) {
  let_next_kernel_start();
  const auto share = detail::combine_share<Tuning>(p);
  const auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    partials[blockIdx.x] = total;
  } else {
    *p.out = p.op.finish(total);
  }
}

template <class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    two_kernels_second_kernel(Op op, const typename Op::accumulator* partials, int count,
                              typename Op::result* out) {
  wait_for_kernels_before();
  const auto total = detail::combine_partials<Tuning::threads>(op, partials, count);
  if (threadIdx.x == 0) *out = op.finish(total);
}

struct two_kernels {
  static constexpr rung_info info{8, "two_kernels", "the second is set up while the first runs",
                                  90};
  using tuning = loads_in_flight_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::workspace_of_partials<tuning>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    int blocks = 0;
    cudaError_t status = detail::choose_blocks<tuning>(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    auto* const partials = static_cast<typename Op::accumulator*>(workspace.data);
    const dim3 block(tuning::threads);
    status = warpladder::launch_kernel(
        two_kernels_first_kernel<T, Op, tuning>,
        {.grid = dim3(unsigned(blocks)), .block = block, .stream = stream}, p, partials);
    if (blocks == 1 || status != cudaSuccess) return status;
    return warpladder::launch_kernel(
        two_kernels_second_kernel<Op, tuning>,
        {.grid = dim3(1), .block = block, .stream = stream, .overlaps_kernel_before = true}, p.op,
        partials, blocks, p.out);
  }
};

}  // namespace warpladder::reduce
