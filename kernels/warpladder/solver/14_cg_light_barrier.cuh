// SPDX-License-Identifier: Apache-2.0
//
// 14 cg_light_barrier. Before: grid.sync(), 1.12 us and more, twice per iteration.
//
// Idea: the same kernel with warpladder::grid_barrier, 0.85 us at 132 blocks of 256 threads.
// Traffic as before. Latency: 0.5 us less per iteration.
// Limited by: L2 for all but small systems: 40 bytes per cell and iteration, though a system of
// 1536^2, 4 vectors of 9.4 MB, would fit into registers and shared memory -> 15 cg_on_chip.
#pragma once

#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_barrier.cuh>
#include <warpladder/solver/detail/cg_sweeps.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    cg_light_barrier_kernel(detail::cg_vectors v, unsigned* word) {
  __shared__ float of_warp[32];
  grid_barrier barrier(word);
  detail::cg_start(v, of_warp);
  barrier.sync();
  for (int i = 0; i < v.problem.iterations; ++i) {
    detail::cg_direct_and_apply(v, i, of_warp);
    barrier.sync();
    detail::cg_update(v, i, v.direction(i), of_warp);
    barrier.sync();
  }
  detail::cg_finish(v, of_warp);
}

struct cg_light_barrier {
  static constexpr rung_info info{14, "cg_light_barrier", "the same with grid_barrier"};
  using tile = detail::sweep_tile;

  static support supports(const cg_problem& p) { return tile::fits_grid(p); }

  static std::size_t workspace_bytes(const cg_problem& p) {
    std::size_t blocks = 0;
    if (p.is_empty() || grid(p, blocks) != cudaSuccess) return 0;
    return word_bytes + detail::cg_vectors::bytes(p, blocks);
  }

  static cudaError_t launch(const cg_problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.is_empty()) return detail::cg_of_nothing(p, stream);
    std::size_t blocks = 0;
    cudaError_t status = grid(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, word_bytes + detail::cg_vectors::bytes(p, blocks)))
      return cudaErrorInvalidValue;
    auto* const word = static_cast<unsigned*>(workspace.data);
    status = cudaMemsetAsync(word, 0, word_bytes, stream);
    if (status != cudaSuccess) return status;
    return launch_resident(
        cg_light_barrier_kernel<tile>,
        {.grid = dim3(unsigned(blocks)), .block = dim3(tile::threads), .stream = stream},
        detail::cg_vectors(p, static_cast<char*>(workspace.data) + word_bytes, blocks), word);
  }

 private:
  static constexpr std::size_t word_bytes = 256;

  static cudaError_t grid(const cg_problem& p, std::size_t& blocks) {
    return detail::cg_grid(cg_light_barrier_kernel<tile>, p, blocks);
  }
};

}  // namespace warpladder::solver
