// SPDX-License-Identifier: Apache-2.0
//
// 07 async_tile. Before: a block had its one tile either in flight or in work.
//
// Idea: blocks that stay, each with a ring of three tiles. cp.async brings vectors from global into
// shared memory behind the threads' backs, two tiles ahead, while the third is transposed on its
// way from shared memory to registers and stored. One barrier per tile.
// Traffic: the same sectors and wavefronts as 06 vectorized, 4 per request, with the same
// permutation c ^ r / 4; a copy is one instruction instead of a load and a store, and what is in
// flight occupies no register. 48 KB of shared memory per block, 4 blocks per multiprocessor: 128
// KB in flight. The grid is as large as the device, and needs no wave of new blocks.
// Limited by: device memory, where reads and writes take turns on the same bus; and by shapes:
// whole vectors, square tiles, neighbours in the order of `in` -> 08 tuned_transpose.
#pragma once

#include <algorithm>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/memory/06_vectorized.cuh>
#include <warpladder/memory/detail/micro_tile.cuh>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

template <class T>
struct async_tile_tuning : vectorized_tuning<T> {
  static constexpr int stages = 3, blocks_per_sm = 4;
  struct stage {
    detail::vector<T, detail::micro_size<T>> at[detail::tile_size<T>]
                                               [detail::tile_size<T> / detail::micro_size<T>];
  };
};

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    async_tile_kernel(transpose_problem<T> p, unsigned tiles) {
  constexpr int length = Tuning::length, across = Tuning::across, stages = Tuning::stages;
  using vector = detail::vector<T, length>;
  auto* const ring = dynamic_shared<typename Tuning::stage>();
  auto* const out = reinterpret_cast<vector*>(p.out);
  const int x = threadIdx.x % across, y = threadIdx.x / across;

  const auto copy_tile = [&](unsigned tile, int slot) {
    if (tile < tiles) {
      const auto begin = detail::tile_begin<Tuning::tile, Tuning::tile>(p, tile);
#pragma unroll
      for (int k = 0; k < Tuning::tile; k += Tuning::pass) {
        const std::int64_t row = begin.row + y + k, col = begin.col + x * length;
        if (row < p.rows && col < p.cols)
          async_copy<sizeof(vector)>(&ring[slot].at[y + k][x ^ (y + k) / length],
                                     &p.in[row * p.ld_in + col]);
      }
    }
    async_copy_commit();  // an empty group keeps the count of groups
  };

#pragma unroll
  for (int slot = 0; slot < stages - 1; ++slot) copy_tile(blockIdx.x + slot * gridDim.x, slot);

  int slot = 0;
  for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    async_copy_wait<stages - 2>();  // the oldest tile: this thread's copies have arrived,
    __syncthreads();  // and now everyone's; nobody reads the slot before this one any more
    copy_tile(tile + (stages - 1) * gridDim.x, (slot + stages - 1) % stages);

    const auto begin = detail::tile_begin<Tuning::tile, Tuning::tile>(p, tile);
#pragma unroll
    for (int k = 0; k < across; k += Tuning::pass) {
      const int c = y + k;
      const std::int64_t row = begin.row / length + x, col = begin.col + c * length;
      if (row >= p.rows / length || col >= p.cols) continue;
      vector rows[length];
#pragma unroll
      for (int i = 0; i < length; ++i) rows[i] = ring[slot].at[x * length + i][c ^ x];
#pragma unroll
      for (int j = 0; j < length; ++j)
        out[(col + j) * (p.ld_out / length) + row] = detail::column_of<T>(rows, j);
    }
    slot = (slot + 1) % stages;
  }
}

struct async_tile {
  static constexpr rung_info info{.step = 7,
                                  .name = "async_tile",
                                  .idea = "copies into shared memory, two tiles ahead",
                                  .min_compute_capability = 80};
  template <class T>
  using tuning = async_tile_tuning<T>;

  template <class T>
  static support supports(const transpose_problem<T>& p) {
    if (const support whole = detail::moves_whole_vectors(p); !whole) return whole;
    return detail::fits_grid<tuning<T>::tile, tuning<T>::tile>(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const transpose_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const transpose_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const std::int64_t tiles = detail::tile_count<tuning<T>::tile, tuning<T>::tile>(p);
    const dim3 grid(std::min<std::int64_t>(
        tiles, std::int64_t{device.multiprocessors} * tuning<T>::blocks_per_sm));
    return warpladder::launch_kernel(
        async_tile_kernel<T, tuning<T>>,
        {.grid = grid,
         .block = dim3(tuning<T>::threads),
         .shared_bytes = tuning<T>::stages * sizeof(typename tuning<T>::stage),
         .stream = stream},
        p, unsigned(tiles));
  }
};

}  // namespace warpladder::memory
