// SPDX-License-Identifier: Apache-2.0
//
// 04 first_add. Before: half of the threads did nothing but load.
//
// Idea: the first combination happens on the way in: a thread loads two elements and leaves one
// value in shared memory.
// Traffic: half as many threads and blocks start, half as many trees are climbed, and the partials
// are 1/512 of the input. A thread has two loads in flight instead of one, 8 bytes with floats:
// 2048 threads of a multiprocessor 16 KB while all of them load.
// Limited by: the tree. 512 elements are loaded by 16 requests of a warp; the tree behind them has
// 8 barriers and 12 rounds of two reads and a write, during which this block's loads are done and
// none is in flight -> 05 shuffle.
#pragma once

#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct first_add_tuning {
  static constexpr int threads = 256, tile = 2 * threads;
};

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) first_add_kernel(Pass pass) {
  __shared__ typename Pass::accumulator shared[Tuning::threads];
  const int tid = threadIdx.x;
  const std::int64_t first = std::int64_t{blockIdx.x} * Tuning::tile + tid;
  shared[tid] = pass.op.combine(pass.value(first), pass.value(first + Tuning::threads));

  for (int stride = Tuning::threads / 2; stride > 0; stride /= 2) {
    __syncthreads();
    if (tid < stride) shared[tid] = pass.op.combine(shared[tid], shared[tid + stride]);
  }
  if (tid == 0) pass.store(shared[0]);
}

struct first_add {
  static constexpr rung_info info{4, "first_add",
                                  "two elements per thread, combined on the way in"};
  using tuning = first_add_tuning;

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
          first_add_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
