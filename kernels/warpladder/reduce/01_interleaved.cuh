// SPDX-License-Identifier: Apache-2.0
//
// 01 interleaved. The first tree that comes to mind: neighbours are combined, then neighbouring
// pairs, and so on, by the threads that stand at the left end of each pair. Mark Harris,
// "Optimizing Parallel Reduction in CUDA", 2007, is the source of rungs 01 to 05.
//
// Idea: a block combines 256 elements in shared memory in 8 steps, not in 255 one after another.
// Traffic: every element is read from device memory once; the partials are 1/256 of that, once
// written and once read.
// Limited by: instructions. A warp runs a step as long as one of its 32 threads works in it, and
// those threads are spread evenly: in 5 of the 8 steps all 8 warps run, with 16, 8, 4, 2 and 1 of
// 32 lanes at work, then 4, 2 and 1 warps. That is 47 times a warp's instructions, where 12 would
// do if the threads at work stood side by side -> 02 strided.
#pragma once

#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct interleaved_tuning {
  static constexpr int threads = 256, tile = threads;
};

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) interleaved_kernel(Pass pass) {
  __shared__ typename Pass::accumulator shared[Tuning::threads];
  const int tid = threadIdx.x;
  shared[tid] = pass.value(std::int64_t{blockIdx.x} * Tuning::tile + tid);

  for (int stride = 1; stride < Tuning::threads; stride *= 2) {
    __syncthreads();
    if (tid % (2 * stride) == 0) shared[tid] = pass.op.combine(shared[tid], shared[tid + stride]);
  }
  if (tid == 0) pass.store(shared[0]);
}

struct interleaved {
  static constexpr rung_info info{1, "interleaved", "a tree in shared memory, neighbours first"};
  using tuning = interleaved_tuning;

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
          interleaved_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
