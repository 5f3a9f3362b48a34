// SPDX-License-Identifier: Apache-2.0
//
// 03 sequential. Before: lanes of a warp met in the same banks of shared memory, up to 8 at a time.
//
// Idea: the stride falls instead of rising. Thread t combines the elements t and t + stride, first
// across half the block: neighbours read and write neighbours, at any stride. (Elements far apart
// meet first, so the operation has to be commutative, as every reduction here is.)
// Traffic: 12 passes through shared memory for each read and write of the tree, none of them twice.
// Limited by: idle threads. Every thread starts, computes an address and waits for one load of
// device memory; half of them then have nothing else to do, and 6 of the 8 steps, each with its
// barrier for 8 warps, have work for one warp or less -> 04 first_add.
#pragma once

#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct sequential_tuning {
  static constexpr int threads = 256, tile = threads;
};

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) sequential_kernel(Pass pass) {
  __shared__ typename Pass::accumulator shared[Tuning::threads];
  const int tid = threadIdx.x;
  shared[tid] = pass.value(std::int64_t{blockIdx.x} * Tuning::tile + tid);

  for (int stride = Tuning::threads / 2; stride > 0; stride /= 2) {
    __syncthreads();
    if (tid < stride) shared[tid] = pass.op.combine(shared[tid], shared[tid + stride]);
  }
  if (tid == 0) pass.store(shared[0]);
}

struct sequential {
  static constexpr rung_info info{3, "sequential", "no bank conflicts: the stride falls"};
  using tuning = sequential_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    return detail::passes_fit_grid<tuning::tile>(p);
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::workspace_of_passes<tuning::tile>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    return detail::run_passes<tuning::tile>(p, workspace, [&](const auto& pass, dim3 grid) {
      return warpladder::launch_kernel(
          sequential_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
