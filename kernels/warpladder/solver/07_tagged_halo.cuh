// SPDX-License-Identifier: Apache-2.0
//
// 07 tagged_halo. Before: rows, a release that waits for them, a flag, and loads when the flag has
// been seen.
//
// Idea: every value carries the number of its step: 64 bits, {value, step}, stored and loaded at
// once. Who needs it polls it until the step is right, and has it then. The data are the message;
// nothing has to be in order with anything else, so there is no fence, no flag and no meeting of
// the block but the one that advance() has. (The same as scan/detail/tile_states.cuh, and as NCCL's
// LL protocol.) A lane polls words of its own: no line has pollers of two blocks.
// Latency: a store is seen by a poller 0.3 us later, a poll that comes too early costs up to an L2
// round trip of 0.26 us more: 0.6 us and the arithmetic, at 256^2 0.7 us per step where 06 took
// 1.1.
// Traffic: 8 bytes per edge value instead of 4. At 2048^2 a multiprocessor writes 32 KB and reads
// 32 KB per step, at some 64 bytes per clock 512 clocks each: 0.3 us on top of 0.9 us of
// arithmetic, and 0.6 us until the first word is there: 1.8 us per step.
//
// Two places per value are enough, thread by thread. Let t be a thread of a band and t' the one
// that reads its word, in a neighbouring band. When t stores step s + 2 over step s, it has loaded
// the word of t' of step s + 1. That value depends on what t' loaded of step s, so t' had loaded
// the word of step s before it stored, and will not look at that step again. Memory begins as
// zeros, steps with 1: nothing stale can be mistaken.
// Limited by: latency for small grids, arithmetic and shuffles for large ones.
#pragma once

#include <cstddef>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/spin.cuh>
#include <warpladder/solver/detail/band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

using tagged_word = unsigned long long;

__device__ __forceinline__ tagged_word tagged(float value, unsigned tag) {
  return static_cast<tagged_word>(tag) << 32 | __float_as_uint(value);
}
__device__ __forceinline__ unsigned tag_of(tagged_word word) {
  return unsigned(word >> 32);
}
__device__ __forceinline__ float value_of(tagged_word word) {
  return __uint_as_float(unsigned(word));
}

/// Stores the outer rows of this thread's patch.
template <int Width>
__device__ __forceinline__ void tell_edges(const edge_rows<tagged_word>& rows, int step,
                                           unsigned tag, const float (&top)[Width],
                                           const float (&bottom)[Width]) {
  tagged_word* const first = rows.of_thread(step, Width);
  tagged_word* const last = first + rows.columns;
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    store_relaxed(first + 32 * j, tagged(top[j], tag));
    store_relaxed(last + 32 * j, tagged(bottom[j], tag));
  }
}

/// Waits for the rows of the neighbours. Some columns at a time: their words of both sides are on
/// their way together.
template <int Width>
__device__ __forceinline__ void await_edges(const edge_rows<tagged_word>& rows, int step,
                                            unsigned tag, float (&above)[Width],
                                            float (&below)[Width]) {
  constexpr int together = 4;
  static_assert(Width % together == 0);
  // Beyond the rim is nobody: there a thread finds what it has stored itself.
  const bool has_above = blockIdx.x > 0, has_below = blockIdx.x + 1 < gridDim.x;
  const tagged_word* const first = rows.of_thread(step, Width);
  const tagged_word* const up = has_above ? first - rows.columns : first;
  const tagged_word* const down = first + (has_below ? 2 : 1) * rows.columns;
#pragma unroll
  for (int j = 0; j < Width; j += together) {
    tagged_word from_above[together], from_below[together];
    while (true) {
      unsigned wrong = 0;
#pragma unroll
      for (int k = 0; k < together; ++k) {
        from_above[k] = load_relaxed(up + 32 * (j + k));
        from_below[k] = load_relaxed(down + 32 * (j + k));
      }
#pragma unroll
      for (int k = 0; k < together; ++k)
        wrong |= (tag_of(from_above[k]) ^ tag) | (tag_of(from_below[k]) ^ tag);
      if (wrong == 0) break;
      pause_between_polls();
    }
#pragma unroll
    for (int k = 0; k < together; ++k) {
      if (has_above) above[j + k] = value_of(from_above[k]);
      if (has_below) below[j + k] = value_of(from_below[k]);
    }
  }
}

/// The edge rows in words that say which step they are of.
class tagged_edges {
 public:
  static std::size_t bytes(int bands, int columns) {
    return edge_rows<tagged_word>::bytes(bands, columns);
  }
  static std::size_t zeroed(int bands, int columns) { return bytes(bands, columns); }

  tagged_edges(void* memory, int bands, int columns)
      : rows_{static_cast<tagged_word*>(memory), bands, columns} {}

  template <class Band>
  struct in_block {
    const tagged_edges& halo;
    __device__ void swap(int step, Band& mine) {
      tell_edges(halo.rows_, step, unsigned(step), mine.u[0], mine.u[Band::rows - 1]);
      await_edges(halo.rows_, step, unsigned(step), mine.above, mine.below);
    }
  };

 private:
  edge_rows<tagged_word> rows_;
};

/// Without the two widest patches of flat_bands: beside so many cells the words that are on their
/// way find no registers.
using tagged_bands =
    band_shapes<band_shape<4, 2, 512>, band_shape<4, 4, 512>, band_shape<4, 8, 512>,
                band_shape<4, 12, 512>, band_shape<8, 16, 256>>;

}  // namespace detail

struct tagged_halo : detail::banded<detail::tagged_edges, detail::tagged_bands> {
  static constexpr rung_info info{7, "tagged_halo", "edge values carry their step: no fence"};
};

}  // namespace warpladder::solver
