// SPDX-License-Identifier: Apache-2.0
//
// 08 deep_halo. Before: 0.6 us of waiting in every step, whatever the arithmetic is: at 256^2 a
// multiprocessor computes for 0.1 us of 0.7.
//
// Idea: ask for more and ask less often (temporal blocking; Frigo and Strumpen, "Cache oblivious
// stencil computations", 2005, for a hierarchy of caches). A band holds k - 1 ghost rows on each
// side, rows of its neighbours, and computes them too. What it does not know, the row next to the
// outermost ghost, spoils one more of them in every step; after k steps all ghosts are spoilt and
// none of its own rows. Then k rows on each side are exchanged, in words that carry the number of
// the exchange.
// Traffic: k rows every k steps, as many bytes as before. Work: of 4 rows with k = 4, 10 are
// computed, 2.5 times as many; of 8, 14; of 12, 18.
// Latency: 0.6 us and the arithmetic of 2 k row reads per k steps. 256^2: 0.15 + 0.2 us of
// computing and __syncthreads(), 0.35 us per step where 07 took 0.7; 1024^2: 0.15 + 0.45 us, 0.6
// where 07 takes 0.9.
// All words of an exchange are asked for at once: one round trip, for which there are registers, as
// the ghosts' are free.
// Bits are the same: a ghost is computed from the same numbers in the same order as its original.
// Two places are enough, for the reason given in 07, with exchanges for steps.
// Limited by: arithmetic that is done twice, and the registers of the ghosts: supports() ends at
// 1538 columns x 1586 rows (132 multiprocessors), 07 holds more.
#pragma once

#include <cstddef>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/spin.cuh>
#include <warpladder/solver/07_tagged_halo.cuh>
#include <warpladder/solver/detail/band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

/// The outer `depth` rows of every band in words that say which exchange they are of.
class deep_edges {
 public:
  static std::size_t bytes(int bands, int columns) {
    return edge_rows<tagged_word>::bytes(bands, columns);
  }
  static std::size_t zeroed(int bands, int columns) { return bytes(bands, columns); }

  deep_edges(void* memory, int bands, int columns)
      : rows_{static_cast<tagged_word*>(memory), bands, columns} {}

  template <class Band>
  struct in_block {
    static constexpr int width = Band::width, depth = Band::depth, ghosts = Band::ghosts;
    const deep_edges& halo;

    __device__ void swap(int number, Band& mine) {
      const unsigned tag = unsigned(number);
      const int row = int(blockDim.x) * width;  // words
      tagged_word* const first = halo.rows_.of_thread(number, width);
      tagged_word* const last = first + halo.rows_.columns;
#pragma unroll
      for (int i = 0; i < depth; ++i) {
#pragma unroll
        for (int j = 0; j < width; ++j) {
          const int at = i * row + 32 * j;
          store_relaxed(first + at, tagged(mine.u[ghosts + i][j], tag));
          store_relaxed(last + at, tagged(mine.u[Band::own - 1 + i][j], tag));
        }
      }
      // Beyond the rim is nobody: there a thread finds what it has stored itself.
      const bool has_above = blockIdx.x > 0, has_below = blockIdx.x + 1 < gridDim.x;
      const tagged_word* const up = has_above ? first - halo.rows_.columns : first;
      const tagged_word* const down = has_below ? last + halo.rows_.columns : last;
      tagged_word from_above[depth][width], from_below[depth][width];
      while (true) {
        unsigned wrong = 0;
#pragma unroll
        for (int i = 0; i < depth; ++i) {
#pragma unroll
          for (int j = 0; j < width; ++j) {
            from_above[i][j] = load_relaxed(up + (i * row + 32 * j));
            from_below[i][j] = load_relaxed(down + (i * row + 32 * j));
          }
        }
#pragma unroll
        for (int i = 0; i < depth; ++i) {
#pragma unroll
          for (int j = 0; j < width; ++j)
            wrong |= (tag_of(from_above[i][j]) ^ tag) | (tag_of(from_below[i][j]) ^ tag);
        }
        if (wrong == 0) break;
        pause_between_polls();
      }
#pragma unroll
      for (int i = 0; i < depth; ++i) {
#pragma unroll
        for (int j = 0; j < width; ++j) {
          float& ghost_above = i == 0 ? mine.above[j] : mine.u[i > 0 ? i - 1 : 0][j];
          float& ghost_below =
              i == ghosts ? mine.below[j] : mine.u[(Band::own + ghosts + i) % Band::rows][j];
          if (has_above) ghost_above = value_of(from_above[i][j]);
          if (has_below) ghost_below = value_of(from_below[i][j]);
        }
      }
    }
  };

 private:
  edge_rows<tagged_word> rows_;
};

/// Width x rows with the ghosts, threads, ghosts on each side.
using ghost_bands =
    band_shapes<band_shape<4, 10, 512, 3>, band_shape<4, 14, 384, 3>, band_shape<4, 18, 384, 3>>;

}  // namespace detail

struct deep_halo : detail::banded<detail::deep_edges, detail::ghost_bands> {
  static constexpr rung_info info{8, "deep_halo", "ghost rows: an exchange every k steps"};
};

}  // namespace warpladder::solver
