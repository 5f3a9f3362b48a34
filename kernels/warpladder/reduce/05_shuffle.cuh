// SPDX-License-Identifier: Apache-2.0
//
// 05 shuffle. Before: the last 5 steps of the tree had a barrier for 8 warps and work for a part of
// one.
//
// Idea: once 32 values are left, they live in the registers of one warp, whose lanes read each
// other's registers by shuffles (compute capability 3.0). No shared memory, no barrier.
// A shuffle is also the synchronisation that it needs. Older code ended its tree with
//     if (tid < 32) { s[tid] += s[tid + 16]; s[tid] += s[tid + 8]; ... }
// on volatile shared memory, in the belief that a warp's lanes run in lockstep. Since Volta (7.0)
// every lane has its own program counter and lockstep is no promise: a lane may read s[tid + 8]
// before its neighbour has written it. Such code needs a __syncwarp() between each read and write.
// Traffic: 3 barriers instead of 8; 5 shuffles of 4 bytes instead of 15 accesses to shared memory.
// Accumulators of 16 bytes take 4 shuffles each.
// Limited by: 3 steps of the tree that still have barriers, and 7 warps without work behind them
// -> 06 warp_reduce.
#pragma once

#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/reduce/detail/passes.cuh>

namespace warpladder::reduce {

struct shuffle_tuning {
  static constexpr int threads = 256, tile = 2 * threads;
};

template <class Pass, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) shuffle_kernel(Pass pass) {
  __shared__ typename Pass::accumulator shared[Tuning::threads];
  const int tid = threadIdx.x;
  const std::int64_t first = std::int64_t{blockIdx.x} * Tuning::tile + tid;
  shared[tid] = pass.op.combine(pass.value(first), pass.value(first + Tuning::threads));

  for (int stride = Tuning::threads / 2; stride >= 32; stride /= 2) {
    __syncthreads();
    if (tid < stride) shared[tid] = pass.op.combine(shared[tid], shared[tid + stride]);
  }
  if (tid >= 32) return;

  typename Pass::accumulator total = shared[tid];  // written by this very thread
  for (int distance = 16; distance > 0; distance /= 2)
    total = pass.op.combine(total, shuffle_down(total, distance));
  if (tid == 0) pass.store(total);
}

struct shuffle {
  static constexpr rung_info info{5, "shuffle", "the last five steps in the registers of a warp"};
  using tuning = shuffle_tuning;

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
          shuffle_kernel<std::decay_t<decltype(pass)>, tuning>,
          {.grid = grid, .block = dim3(tuning::threads), .stream = stream}, pass);
    });
  }
};

}  // namespace warpladder::reduce
