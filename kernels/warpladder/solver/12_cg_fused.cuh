// SPDX-License-Identifier: Apache-2.0
//
// 12 cg_fused. Before: a kernel of its own to make the next direction, which the next iteration
// reads at once.
//
// Idea: make it there. Who needs p of a cell or of its neighbours computes r + beta * (old p), so
// that a cell's direction is computed up to four times and no kernel has to wait for it. The new p
// is written beside the old one: neighbours still read that. Two kernels per iteration.
// Traffic: r, p read, p, q written; x, p, r, q read, x, r written: 10 accesses instead of 11; the
// neighbours' come from L1. Latency: two launches instead of three, 5 us.
// Limited by: launches. Two is the least, with two dot products, for each of which all wait for all
// -> 13 cg_grid_sync.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/11_cg_relaunch.cuh>
#include <warpladder/solver/detail/cg_sweeps.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    cg_fused_kernel(detail::cg_vectors v, int iteration) {
  __shared__ float of_warp[32];
  detail::cg_direct_and_apply(v, iteration, of_warp);
}

struct cg_fused {
  static constexpr rung_info info{12, "cg_fused", "two: the direction is made where it is used"};
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
    cudaError_t status = grid(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, detail::cg_vectors::bytes(p, blocks))) return cudaErrorInvalidValue;
    const detail::cg_vectors v(p, workspace.data, blocks);
    const launch_config config{
        .grid = dim3(unsigned(blocks)), .block = dim3(tile::threads), .stream = stream};

    status = launch_kernel(cg_start_kernel<tile>, config, v);
    for (int i = 0; i < p.iterations && status == cudaSuccess; ++i) {
      status = launch_kernel(cg_fused_kernel<tile>, config, v, i);
      if (status == cudaSuccess)
        status = launch_kernel(cg_update_kernel<tile>, config, v, i, v.p[i % 2]);
    }
    return status == cudaSuccess ? launch_kernel(cg_finish_kernel<tile>, config, v) : status;
  }

 private:
  static cudaError_t grid(const cg_problem& p, std::size_t& blocks) {
    return detail::cg_grid(cg_fused_kernel<tile>, p, blocks);
  }
};

}  // namespace warpladder::solver
