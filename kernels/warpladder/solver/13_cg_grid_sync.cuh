// SPDX-License-Identifier: Apache-2.0
//
// 13 cg_grid_sync. Before: two launches per iteration.
//
// Idea: one cooperative kernel that does what the two did, with cooperative groups' grid.sync()
// where one ended.
// Traffic as before. Latency: two barriers of 1.12 us and more (the grid is as large as the device
// holds), the shares from L2 twice, 0.3 us and an addition by the block of some 0.3 us: 3.5 us per
// iteration for small systems.
// Limited by: the barriers; from about 512^2 on by L2, 40 bytes per cell.
#pragma once

#include <cooperative_groups.h>

#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/cg_sweeps.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads) cg_grid_sync_kernel(detail::cg_vectors v) {
  __shared__ float of_warp[32];
  const auto grid = cooperative_groups::this_grid();
  detail::cg_start(v, of_warp);
  grid.sync();
  for (int i = 0; i < v.problem.iterations; ++i) {
    detail::cg_direct_and_apply(v, i, of_warp);
    grid.sync();
    detail::cg_update(v, i, v.direction(i), of_warp);
    grid.sync();
  }
  detail::cg_finish(v, of_warp);
}

struct cg_grid_sync {
  static constexpr rung_info info{13, "cg_grid_sync", "one kernel: two grid.sync() per iteration"};
  using tile = detail::sweep_tile;

  static support supports(const cg_problem& p) { return tile::fits_grid(p); }

  static std::size_t workspace_bytes(const cg_problem& p) {
    std::size_t blocks = 0;
    if (p.is_empty() || grid(p, blocks) != cudaSuccess) return 0;
    return detail::cg_vectors::bytes(p, blocks);
  }

  static cudaError_t launch(const cg_problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.is_empty()) return detail::cg_of_nothing(p, stream);
    std::size_t blocks = 0;
    const cudaError_t status = grid(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, detail::cg_vectors::bytes(p, blocks))) return cudaErrorInvalidValue;
    return launch_resident(
        cg_grid_sync_kernel<tile>,
        {.grid = dim3(unsigned(blocks)), .block = dim3(tile::threads), .stream = stream},
        detail::cg_vectors(p, workspace.data, blocks));
  }

 private:
  static cudaError_t grid(const cg_problem& p, std::size_t& blocks) {
    return detail::cg_grid(cg_grid_sync_kernel<tile>, p, blocks);
  }
};

}  // namespace warpladder::solver
