// SPDX-License-Identifier: Apache-2.0
//
// 02 strided. Before: the threads that worked in a step were spread over all warps: 47 times a
// warp's instructions for 8 steps.
//
// Idea: the first threads of the block do the work, thread t on the elements 2 * stride * t and
// stride behind it. The same tree, other hands: the warps at work are 4, 2, 1, 1, 1, 1, 1, 1.
// Traffic: a warp's instructions 12 times instead of 47, and no remainder to compute.
// Limited by: bank conflicts. Shared memory has 32 banks of 4 bytes. With accumulators of 4 bytes
// the lanes of a warp are 2 * stride banks apart, so that 2, 4, 8, 8, 8, 4, 2 and 1 of them meet in
// one bank, one after another: 4*2 + 2*4 + 8 + 8 + 8 + 4 + 2 + 1 = 47 passes through shared memory
// for each read and write of the tree, the number that was to be avoided -> 03 sequential.
#pragma once

#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct strided_tuning {
  static constexpr int threads = 256, tile = threads;
};

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) strided_kernel(Pass pass) {
  __shared__ typename Pass::accumulator shared[Tuning::threads];
  const int tid = threadIdx.x;
  shared[tid] = pass.value(std::int64_t{blockIdx.x} * Tuning::tile + tid);

  for (int stride = 1; stride < Tuning::threads; stride *= 2) {
    __syncthreads();
    const int at = 2 * stride * tid;
    if (at < Tuning::threads) shared[at] = pass.op.combine(shared[at], shared[at + stride]);
  }
  if (tid == 0) pass.store(shared[0]);
}

struct strided {
  static constexpr rung_info info{2, "strided", "threads side by side do the work"};
  using tuning = strided_tuning;

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
          strided_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
