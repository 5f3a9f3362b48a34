// SPDX-License-Identifier: Apache-2.0
//
// 03 grid_sync. Before: a launch per step.
//
// Idea: one cooperative kernel that stays, and cooperative groups' grid.sync() where a kernel
// ended. The grid is as large as the device holds at once; a block takes the same tiles in every
// step.
// Traffic as before: 8 bytes per cell and step, from L2 while both matrices fit. The barrier costs
// 1.12 us at 132 blocks of 256 threads, and here there are up to 8 per multiprocessor, whose
// arrivals meet in one word. Then the first loads: a step is at least 1.8 us.
// Limited by: the barrier; and, from 1024^2 on, by L2, through which everything passes.
#pragma once

#include <cooperative_groups.h>

#include <algorithm>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    grid_sync_kernel(detail::sweep_buffers buffers, int tiles) {
  for (int step = 0; step < buffers.p.steps; ++step) {
    if (step > 0) cooperative_groups::this_grid().sync();
    const detail::sweep_view view = buffers.step(step);
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x)
      detail::sweep(buffers.p, view, tile);
  }
}

struct grid_sync {
  static constexpr rung_info info{3, "grid_sync", "one kernel that stays: grid.sync() per step"};
  using tile = detail::sweep_tile;

  static support supports(const jacobi_problem& p) { return tile::fits_grid(p); }

  static std::size_t workspace_bytes(const jacobi_problem& p) {
    return detail::sweep_buffers::bytes(p);
  }

  static cudaError_t launch(const jacobi_problem& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    if (p.is_copy()) return detail::copy_matrix(p, stream);
    const auto tiles = std::size_t(tile::count(p));
    launch_config config{.grid = {}, .block = dim3(tile::threads), .stream = stream};
    std::size_t fit = 0;
    const cudaError_t status = max_resident_blocks(grid_sync_kernel<tile>, config, fit);
    if (status != cudaSuccess) return status;
    config.grid = dim3(unsigned(std::min(tiles, fit)));
    return launch_resident(grid_sync_kernel<tile>, config, detail::sweep_buffers(p, workspace.data),
                           int(tiles));
  }
};

}  // namespace warpladder::solver
