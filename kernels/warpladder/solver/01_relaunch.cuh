// SPDX-License-Identifier: Apache-2.0
//
// 01 relaunch. A kernel per step: the end of a kernel is the barrier that a step needs, as no cell
// may be written before its neighbours have read it. Two matrices take turns.
//
// Traffic: 8 bytes per cell and step. At 2048^2 both matrices are 34 MB and stay in an L2 of 50 MB:
// 34 MB at some 5.5 TB/s are 6 us per step; at 8192^2 they are 537 MB from device memory, 180 us.
// Latency: a launch in a stream takes 2.2 to 3.3 us, whatever is in it, and a kernel's first load
// and last store another 1 us: up to about 1024^2 (8 MB, 1.5 us) a step takes the time of a launch.
// A graph of these launches takes some 1.5 us per node off the host's hands: that is the mode
// `graph` of the benchmark, and not a rung of its own.
// Limited by: the launch; and at all sizes by what a launch throws away, registers and shared
// memory.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    relaunch_kernel(jacobi_problem p, detail::sweep_view view) {
  detail::sweep(p, view, blockIdx.x);
}

struct relaunch {
  static constexpr rung_info info{1, "relaunch", "a kernel per step"};
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
    const launch_config config{
        .grid = dim3(unsigned(tile::count(p))), .block = dim3(tile::threads), .stream = stream};
    for (int step = 0; step < p.steps; ++step) {
      const cudaError_t status =
          warpladder::launch_kernel(relaunch_kernel<tile>, config, p, buffers.step(step));
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
};

}  // namespace warpladder::solver
