// SPDX-License-Identifier: Apache-2.0
//
// 09 last_block. Before: a kernel of its own combined the partials, only because no block knew when
// the others were done.
//
// Idea: let them find out. A block stores its partial and draws a ticket from a counter; whoever
// draws the last number knows that all partials are there, and combines them. In the order of the
// blocks and not of the tickets, so equal inputs give equal bits whichever block comes last. CUDA
// samples, "threadFenceReduction"; CUDA C++ Programming Guide, "Memory Fence Functions".
// The fences make it legal. A block's partial is stored, then __threadfence(), then the ticket:
// nobody sees the ticket drawn who does not see the partial. The last block puts a fence between
// its ticket and its loads, and loads from L2: its L1 knows nothing of the others' stores.
// Latency: one atomic round trip to L2 and one load behind the last block, predicted 0.7 us each.
// Price: the counter lies in the workspace, whose contents are undefined: 4 bytes of it are cleared
// before every launch by a memset, a piece of work of its own in the stream, predicted to cost what
// the second kernel did. (Who owns the counter for good would let the last block set it back to 0.)
// Limited by: that memset -> 11 cooperative, which counts in the grid barrier's own counter.
#pragma once

#include <cstddef>
#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    last_block_kernel(problem<T, Op> p, typename Op::accumulator* partials, unsigned* tickets) {
  __shared__ bool is_last;
  const auto share = detail::combine_share<Tuning>(p);
  const auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = total;
    __threadfence();
    is_last = atomicAdd(tickets, 1u) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;

  const auto result =
      detail::combine_partials<Tuning::threads>(p.op, partials, static_cast<int>(gridDim.x));
  if (threadIdx.x == 0) *p.out = p.op.finish(result);
}

struct last_block {
  static constexpr rung_info info{9, "last_block",
                                  "one kernel: the last block combines the partials"};
  using tuning = loads_in_flight_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    int blocks = 0;
    if (detail::choose_blocks<tuning>(p, blocks) != cudaSuccess) return 0;
    return partials_at + blocks * sizeof(typename Op::accumulator);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    using accumulator = typename Op::accumulator;
    int blocks = 0;
    cudaError_t status = detail::choose_blocks<tuning>(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    auto* const tickets = static_cast<unsigned*>(workspace.data);
    auto* const partials =
        reinterpret_cast<accumulator*>(static_cast<std::byte*>(workspace.data) + partials_at);
    status = cudaMemsetAsync(tickets, 0, sizeof(unsigned), stream);
    if (status != cudaSuccess) return status;
    return warpladder::launch_kernel(
        last_block_kernel<T, Op, tuning>,
        {.grid = dim3(unsigned(blocks)), .block = dim3(tuning::threads), .stream = stream}, p,
        partials, tickets);
  }

 private:
  static constexpr std::size_t partials_at = 16;  ///< behind the counter, aligned for 16 bytes
};

}  // namespace warpladder::reduce
