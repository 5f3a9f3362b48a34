// SPDX-License-Identifier: Apache-2.0
//
// 11 cg_relaunch. Conjugate gradients as they are written down, a kernel wherever all have to wait
// for all:
//   q = A p, p.q  |  alpha = r.r / p.q, x += alpha p, r -= alpha q, r.r  |  beta, p = r + beta p
// A is not stored: its row is 4 and up to four -1. A dot product is added up by threads, warps and
// blocks; the blocks' shares, a few hundred numbers, are added by every block of the next kernel
// for itself, which is cheaper than a kernel in between and keeps the order fixed.
//
// Traffic: p read, q written; x, p, r, q read, x, r written; r, p read, p written: 11 accesses, 44
// bytes per cell and iteration. The four vectors and x are 20 bytes per cell: 1024^2 are 21 MB and
// stay in L2, 46 MB of accesses at some 5.5 TB/s, 8 us; 1536^2 are 47 MB and just about do not.
// Latency: three launches of 2.2 to 3.3 us, 8 us per iteration, up to about 1024^2.
// Limited by: launches, then L2, then device memory.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/cg_sweeps.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads) cg_start_kernel(detail::cg_vectors v) {
  __shared__ float of_warp[32];
  detail::cg_start(v, of_warp);
}

template <class Tile>
__global__ void __launch_bounds__(Tile::threads) cg_apply_kernel(detail::cg_vectors v) {
  __shared__ float of_warp[32];
  float pq = 0;
  detail::for_products(
      v.problem, [&](std::int64_t row, std::int64_t col) { return v.p[0][row * v.ld + col]; },
      [&](std::int64_t row, std::int64_t col, float p, float q) {
        v.q[row * v.ld + col] = q;
        pq = fmaf(p, q, pq);
      });
  detail::leave_share(v.pq, pq, of_warp);
}

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    cg_update_kernel(detail::cg_vectors v, int iteration, const float* p) {
  __shared__ float of_warp[32];
  detail::cg_update(v, iteration, p, of_warp);
}

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    cg_direction_kernel(detail::cg_vectors v, int iteration) {
  __shared__ float of_warp[32];
  const int blocks = gridDim.x;
  const float rr = detail::block_sum(v.residuals(iteration + 1), blocks, of_warp);
  const float rr_before = detail::block_sum(v.residuals(iteration), blocks, of_warp);
  const float beta = detail::step_length(rr, rr_before);
  detail::for_cells(v.problem, [&](std::int64_t row, std::int64_t col) {
    const std::int64_t at = row * v.ld + col;
    v.p[0][at] = fmaf(beta, v.p[0][at], v.r[at]);
  });
}

template <class Tile>
__global__ void __launch_bounds__(Tile::threads) cg_finish_kernel(detail::cg_vectors v) {
  __shared__ float of_warp[32];
  detail::cg_finish(v, of_warp);
}

struct cg_relaunch {
  static constexpr rung_info info{11, "cg_relaunch", "three kernels per iteration"};
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
      status = launch_kernel(cg_apply_kernel<tile>, config, v);
      if (status == cudaSuccess)
        status = launch_kernel(cg_update_kernel<tile>, config, v, i, v.p[0]);
      if (status == cudaSuccess) status = launch_kernel(cg_direction_kernel<tile>, config, v, i);
    }
    return status == cudaSuccess ? launch_kernel(cg_finish_kernel<tile>, config, v) : status;
  }

 private:
  static cudaError_t grid(const cg_problem& p, std::size_t& blocks) {
    return detail::cg_grid(cg_apply_kernel<tile>, p, blocks);
  }
};

}  // namespace warpladder::solver
