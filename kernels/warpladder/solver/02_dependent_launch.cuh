// SPDX-License-Identifier: Apache-2.0
//
// 02 dependent_launch. Before: a kernel is set up when the one before it has ended and its writes
// have been made visible; multiprocessors have nothing to do in the meantime.
//
// Idea: programmatic dependent launch. Every block allows at its start that the next kernel is set
// up; that one's blocks take the places that fall free, and wait at griddepcontrol.wait until the
// kernel before has ended. What is saved is the way of a launch to the multiprocessors.
// Traffic as before. Latency: what is left is draining, visibility and the first load: about 1.5 us
// per step where a launch took 2.2 or more. The host still has to enqueue every step: who takes
// 2.2 us to enqueue is not faster for it, but in a graph.
// Limited by: a step still ends for all blocks before it begins for any -> 03 grid_sync stays.
#pragma once

#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    dependent_launch_kernel(jacobi_problem p, detail::sweep_view view) {
  let_next_kernel_start();
  wait_for_kernels_before();
  detail::sweep(p, view, blockIdx.x);
}

struct dependent_launch {
  static constexpr rung_info info{2, "dependent_launch", "the next kernel is set up meanwhile", 90};
  using tile = detail::sweep_tile;

  static support supports(const jacobi_problem& p) { return tile::fits_grid(p); }

  static std::size_t workspace_bytes(const jacobi_problem& p) {
    return detail::sweep_buffers::bytes(p);
  }

  static cudaError_t launch(const jacobi_problem& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    if (p.is_copy()) return detail::copy_matrix(p, stream);
    const detail::sweep_buffers buffers(p, workspace.data);
    launch_config config{
        .grid = dim3(unsigned(tile::count(p))), .block = dim3(tile::threads), .stream = stream};
    for (int step = 0; step < p.steps; ++step) {
      config.overlaps_kernel_before = step > 0;  // the first waits for whatever was before
      const cudaError_t status =
          warpladder::launch_kernel(dependent_launch_kernel<tile>, config, p, buffers.step(step));
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
};

}  // namespace warpladder::solver
