// SPDX-License-Identifier: Apache-2.0
//
// 16 cg_tagged. Before: two barriers per iteration, each with a release that waits for all writes,
// and shares that are fetched behind it.
//
// Idea: words of 64 bits that say which sum they belong to, as in 07: nothing to wait for but the
// data. A dot product: every band stores its share in a word for block 0, which polls them all,
// adds them in order and stores the sum in a word per band; every band polls its own. (All reading
// all shares would save one trip, but 132 blocks that poll 132 words each keep L2 from delivering
// them.) The rows of r are on their way while r.r is added up.
// Latency: within the block 0.2 us, a share is seen 0.3 us after its store, 0.2 us to add them, the
// sum is seen 0.3 us later, and a poll that came too early costs up to 0.26 us: 1.1 us per dot
// product instead of 1.5, 2.3 us per iteration at 256^2, 4.5 us at 1536^2.
//
// One place per word is enough. Band b stores its next share after it has seen the sum of the last
// one, for which block 0 had read its last share; and block 0 stores b's next sum after it has read
// b's next share, which b stores after it has read the last sum. Rows of r: b stores the next ones
// behind the next sum p.q, to which its neighbours give their share after they have read the last
// ones. Memory begins as zeros, numbers with 1: nothing stale can be mistaken.
// Limited by: two sums, one after the other. Forms of the method with one (Chronopoulos and Gear,
// "s-step iterative methods for symmetric linear systems", 1989) carry two more vectors along.
#pragma once

#include <cstddef>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/spin.cuh>
#include <warpladder/solver/07_tagged_halo.cuh>
#include <warpladder/solver/detail/cg_band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

/// Shares, sums and rows in words that carry their number.
class tagged_together {
 public:
  static std::size_t bytes(int bands, int columns) {
    return word_bytes(bands) + edge_rows<tagged_word>::bytes(bands, columns);
  }
  static std::size_t zeroed(int bands, int columns) { return bytes(bands, columns); }

  tagged_together(void* memory, int bands, int columns)
      : shares_(static_cast<tagged_word*>(memory)),
        sums_(shares_ + round_up(bands, apart)),
        rows_{shares_ + word_bytes(bands) / sizeof(tagged_word), bands, columns} {}

  template <class Band>
  struct in_block {
    const tagged_together& grid;
    unsigned number = 0;  // of the sum

    __device__ float sum(float part, typename Band::shared& with) {
      ++number;
      const int blocks = gridDim.x;
      const float share = block_sum(part, with.of_warp);
      if (threadIdx.x == 0) store_relaxed(grid.shares_ + blockIdx.x, tagged(share, number));
      if (blockIdx.x == 0) {
        float all = 0;
        for (int i = threadIdx.x; i < blocks; i += int(blockDim.x))
          all += wait_for(grid.shares_ + i, number);
        all = block_sum(all, with.of_warp);
        for (int i = threadIdx.x; i < blocks; i += int(blockDim.x))
          store_relaxed(grid.sums_ + i * apart, tagged(all, number));
      }
      if (threadIdx.x == 0) with.total = wait_for(grid.sums_ + int(blockIdx.x) * apart, number);
      __syncthreads();
      return with.total;
    }

    __device__ float sum_and_swap(float part, typename Band::shared& with, Band& mine) {
      const unsigned tag = number;
      tell_edges(grid.rows_, 0, tag, mine.q[0], mine.q[Band::rows - 1]);
      const float all = sum(part, with);
      await_edges(grid.rows_, 0, tag, mine.r_above, mine.r_below);
      return all;
    }

   private:
    static __device__ float wait_for(const tagged_word* address, unsigned tag) {
      tagged_word word = load_relaxed(address);
      for (; tag_of(word) != tag; word = load_relaxed(address)) pause_between_polls();
      return value_of(word);
    }
  };

 private:
  static constexpr int apart = 16;  // words: every band's sum has a cache line of its own
  static std::size_t word_bytes(int bands) {
    return std::size_t(round_up(bands, apart) + bands * apart) * sizeof(tagged_word);
  }

  tagged_word *shares_, *sums_;
  edge_rows<tagged_word> rows_;
};

/// Fewer threads than cg_bands for the tall patches: beside so many cells the words that are on
/// their way find no registers.
using cg_tagged_bands = band_shapes<cg_band_shape<4, 2, 512>, cg_band_shape<4, 4, 512>,
                                    cg_band_shape<4, 8, 384>, cg_band_shape<4, 12, 256>>;

}  // namespace detail

struct cg_tagged : detail::cg_banded<detail::tagged_together, detail::cg_tagged_bands> {
  static constexpr rung_info info{16, "cg_tagged",
                                  "shares and rows carry their number: no barrier"};
};

}  // namespace warpladder::solver
