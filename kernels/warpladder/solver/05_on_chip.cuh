// SPDX-License-Identifier: Apache-2.0
//
// 05 on_chip. Before: every value went to L2 and back in every step, 8 bytes per cell.
//
// Idea: the cells stay in registers, 256 KiB of each multiprocessor. A block has a band of rows
// with all their columns, a thread a patch of it, say 8 columns x 16 rows. Neighbours to the left
// and right are in the next lane (a shuffle), at the rim of a warp in shared memory; above and
// below they are the thread's own, but for the two rows at the rim of the band, which go through
// global memory: two per band and step, with a grid_barrier between writing and reading.
// Traffic: 2048^2 are 128 bands of 16 rows: an eighth of the rows is written and read, 1 byte per
// cell and step instead of 8. Arithmetic: 5 per cell, of a multiprocessor's 32768 cells at 128 per
// clock 1280 clocks; with shuffles, edges and moves there are 6.2 instructions per cell, 1600
// clocks, 0.9 us.
// Latency: the barrier, 0.85 us, and a round trip to L2 to fetch the rows, 0.3 us. 256^2 has 2 rows
// per band and next to no arithmetic: 1.3 us per step. 2048^2: 2.2 us, where 01 takes 8.
// Two places for rows take turns: who writes step s + 2 has passed the barrier of s + 1, where all
// arrived after they had read s. So one barrier per step is enough.
// Limits: 8 warps have 255 registers per thread, of which 162 hold cells: 9 columns x 18 rows, on
// 132 multiprocessors 2306 columns x 2378 rows. Longer rows take 12 warps of 168 registers, 3074 x
// 1586. Beyond, supports() says no.
// Limited by: the barrier, at which 128 bands wait for all though each needs two -> 06 neighbours.
#pragma once

#include <cstddef>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_barrier.cuh>
#include <warpladder/solver/detail/band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

template <class Band>
__device__ void write_edges(const edge_rows<float>& rows, int step, const Band& mine) {
  float* const first = rows.of_thread(step, Band::width);
  float* const last = first + rows.columns;
#pragma unroll
  for (int j = 0; j < Band::width; ++j) {
    __stcg(first + 32 * j, mine.u[0][j]);
    __stcg(last + 32 * j, mine.u[Band::rows - 1][j]);
  }
}

/// From L2: L1 may hold what was there two steps ago.
template <class Band>
__device__ void read_edges(const edge_rows<float>& rows, int step, Band& mine) {
  const float* const first = rows.of_thread(step, Band::width);
  const float* const up = first - rows.columns;
  const float* const down = first + 2 * rows.columns;
#pragma unroll
  for (int j = 0; j < Band::width; ++j) {
    if (blockIdx.x > 0) mine.above[j] = __ldcg(up + 32 * j);
    if (blockIdx.x + 1 < gridDim.x) mine.below[j] = __ldcg(down + 32 * j);
  }
}

/// Rows through global memory, a barrier of the grid between writing and reading.
class barrier_halo {
 public:
  static std::size_t bytes(int bands, int columns) {
    return word_bytes + edge_rows<float>::bytes(bands, columns);
  }
  static std::size_t zeroed(int, int) { return word_bytes; }

  barrier_halo(void* memory, int bands, int columns)
      : word_(static_cast<unsigned*>(memory)),
        rows_{reinterpret_cast<float*>(static_cast<char*>(memory) + word_bytes), bands, columns} {}

  template <class Band>
  struct in_block {
    const barrier_halo& halo;
    grid_barrier barrier{halo.word_};
    __device__ void swap(int step, Band& mine) {
      write_edges(halo.rows_, step, mine);
      barrier.sync();
      read_edges(halo.rows_, step, mine);
    }
  };

 private:
  static constexpr std::size_t word_bytes = 256;
  unsigned* word_;
  edge_rows<float> rows_;
};

}  // namespace detail

struct on_chip : detail::banded<detail::barrier_halo> {
  static constexpr rung_info info{5, "on_chip", "cells in registers, edge rows and a barrier"};
};

}  // namespace warpladder::solver
