// SPDX-License-Identifier: Apache-2.0
//
// 04 light_barrier. Before: grid.sync(), 1.12 us at 132 blocks of 256 threads.
//
// Idea: the same kernel with warpladder::grid_barrier, 0.85 us at that grid, and a grid no larger
// than it has to be: arrivals meet in one word of L2, one per clock, so that blocks that have
// nothing to do cost time.
// Traffic as before. A step takes at least the barrier, of which some 0.4 us wait until the step's
// stores are performed, and a first load of 0.3 us: 1.2 us and what L2 needs for 8 bytes per cell.
// Limited by: L2. Every value goes there and back in every step, though only the cells at the rim
// of a block's part are anybody else's business -> 05 on_chip.
#pragma once

#include <algorithm>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_barrier.cuh>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

template <class Tile>
__global__ void __launch_bounds__(Tile::threads)
    light_barrier_kernel(detail::sweep_buffers buffers, int tiles, unsigned* word) {
  grid_barrier barrier(word);
  for (int step = 0; step < buffers.p.steps; ++step) {
    if (step > 0) barrier.sync();
    const detail::sweep_view view = buffers.step(step);
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x)
      detail::sweep(buffers.p, view, tile);
  }
}

struct light_barrier {
  static constexpr rung_info info{4, "light_barrier", "the same with grid_barrier"};
  using tile = detail::sweep_tile;

  static support supports(const jacobi_problem& p) { return tile::fits_grid(p); }

  static std::size_t workspace_bytes(const jacobi_problem& p) {
    return p.is_copy() ? 0 : word_bytes + detail::sweep_buffers::bytes(p);
  }

  static cudaError_t launch(const jacobi_problem& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    if (p.is_copy()) return detail::copy_matrix(p, stream);
    const auto tiles = std::size_t(tile::count(p));
    launch_config config{.grid = {}, .block = dim3(tile::threads), .stream = stream};
    std::size_t fit = 0;
    cudaError_t status = max_resident_blocks(light_barrier_kernel<tile>, config, fit);
    if (status != cudaSuccess) return status;
    if (fit == 0) return cudaErrorCooperativeLaunchTooLarge;
    // As many rounds of tiles as needed, and no more blocks than those need.
    const std::size_t rounds = ceil_div(tiles, fit);
    config.grid = dim3(unsigned(ceil_div(tiles, rounds)));

    auto* const word = static_cast<unsigned*>(workspace.data);
    status = cudaMemsetAsync(word, 0, word_bytes, stream);
    if (status != cudaSuccess) return status;
    return launch_resident(
        light_barrier_kernel<tile>, config,
        detail::sweep_buffers(p, static_cast<char*>(workspace.data) + word_bytes), int(tiles),
        word);
  }

 private:
  static constexpr std::size_t word_bytes = 256;
};

}  // namespace warpladder::solver
