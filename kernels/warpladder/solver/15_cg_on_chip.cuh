// SPDX-License-Identifier: Apache-2.0
//
// 15 cg_on_chip. Before: 40 bytes per cell and iteration through L2.
//
// Idea: all four vectors stay on chip, a band of rows per block: p and q in registers, where their
// neighbours are a shuffle away, x and r, which only their own thread touches, in shared memory.
// Through global memory go each band's share of the dot products, and the two rows at the rim of
// the band. The neighbours' rows of r are sent and not those of p, at the same barrier as r.r:
// every band keeps its neighbours' p and makes the next one itself, with the same beta and the same
// bits. So two barriers per iteration are enough.
// Traffic: two rows of a band, at 1024^2 a fourth of the cells, 4 bytes written and 4 read: 2 bytes
// per cell instead of 40. Shared memory: x and r read and written, 16 bytes per cell: at 1536^2
// 18400 cells of a multiprocessor, 2300 clocks, 1.3 us; some 12 instructions per cell, 1730 clocks,
// 1 us.
// Latency: two barriers of 0.85 us, twice the shares from L2 (0.3 us) and the additions within the
// block (0.4 us): 3.1 us per iteration at 256^2, 5.5 us at 1536^2.
// Two places for shares take turns from sum to sum, one is enough for the rows: what is written
// before a barrier is read behind it, and written again behind the next one.
// Limits: 16 bytes per cell, 48 cells of 384 threads at most: 1536 columns and 132 bands of 12
// rows. Longer rows take 512 threads and 8 rows, 2048 columns x 1056 rows.
// Limited by: latency, of which the barriers and their fences are more than half -> 16 cg_tagged.
#pragma once

#include <cstddef>
#include <warpladder/core/rung.hpp>
#include <warpladder/grid_barrier.cuh>
#include <warpladder/solver/detail/band.cuh>
#include <warpladder/solver/detail/cg_band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

/// Shares and rows through global memory, a barrier of the grid between writing and reading.
class barrier_together {
 public:
  static std::size_t bytes(int bands, int columns) {
    return word_bytes + 2 * share_bytes(bands) + edge_rows<float>::bytes(bands, columns);
  }
  static std::size_t zeroed(int, int) { return word_bytes; }

  barrier_together(void* memory, int bands, int columns)
      : word_(static_cast<unsigned*>(memory)),
        shares_{reinterpret_cast<float*>(static_cast<char*>(memory) + word_bytes),
                shares_[0] + share_bytes(bands) / sizeof(float)},
        rows_{shares_[1] + share_bytes(bands) / sizeof(float), bands, columns} {}

  template <class Band>
  struct in_block {
    const barrier_together& grid;
    grid_barrier barrier{grid.word_};

    bool odd = false;  // whether this sum has the second place for shares

    __device__ float sum(float part, typename Band::shared& with) {
      float* const shares = odd ? grid.shares_[1] : grid.shares_[0];
      odd = !odd;
      const float share = block_sum(part, with.of_warp);
      if (threadIdx.x == 0) __stcg(shares + blockIdx.x, share);
      barrier.sync();
      return block_sum(shares, int(gridDim.x), with.of_warp);
    }
    __device__ float sum_and_swap(float part, typename Band::shared& with, Band& mine) {
      float* const first = grid.rows_.of_thread(0, Band::width);
      float* const last = first + grid.rows_.columns;
#pragma unroll
      for (int j = 0; j < Band::width; ++j) {
        __stcg(first + 32 * j, mine.q[0][j]);
        __stcg(last + 32 * j, mine.q[Band::rows - 1][j]);
      }
      const float all = sum(part, with);
#pragma unroll
      for (int j = 0; j < Band::width; ++j) {
        if (blockIdx.x > 0) mine.r_above[j] = __ldcg(first - grid.rows_.columns + 32 * j);
        if (blockIdx.x + 1 < gridDim.x)
          mine.r_below[j] = __ldcg(last + grid.rows_.columns + 32 * j);
      }
      return all;
    }
  };

 private:
  static constexpr std::size_t word_bytes = 256;
  static std::size_t share_bytes(int bands) {
    return round_up<std::size_t>(std::size_t(bands) * sizeof(float), 256);
  }

  unsigned* word_;
  float* shares_[2];
  edge_rows<float> rows_;
};

}  // namespace detail

struct cg_on_chip : detail::cg_banded<detail::barrier_together> {
  static constexpr rung_info info{15, "cg_on_chip", "vectors in registers and shared memory"};
};

}  // namespace warpladder::solver
