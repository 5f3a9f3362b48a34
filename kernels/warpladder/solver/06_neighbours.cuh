// SPDX-License-Identifier: Apache-2.0
//
// 06 neighbours. Before: a barrier of all blocks in every step, though a band needs the rows of two
// others alone.
//
// Idea: a flag per band, the number of the step whose rows are written. A band writes its rows,
// raises its flag (release) and waits for the flags of its two neighbours (acquire). Nobody counts,
// no word is everybody's, and a band that is late delays its neighbours, not the grid: the others
// may be some steps ahead.
// Latency: the release still waits until the rows are performed, 0.4 us; then 0.3 us until a
// neighbour sees the flag, 0.3 us for its loads and four meetings of the block: 1.1 us per step
// where 05 took 1.3. Traffic as before, and 128 bytes per band for its flag.
// Two places for rows are enough: a band writes step s + 2 after it has seen both neighbours' flag
// s + 1, which they raise after all of their threads have read step s.
// Limited by: three trips to L2 one after the other, of which the middle one, the flag, says
// nothing that the data could not say themselves -> 07 tagged_halo.
#pragma once

#include <cstddef>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/spin.cuh>
#include <warpladder/solver/05_on_chip.cuh>
#include <warpladder/solver/detail/band.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver {

namespace detail {

/// Rows through global memory, and a flag per band that says which step's rows are there.
class flag_halo {
 public:
  static std::size_t bytes(int bands, int columns) {
    return zeroed(bands, columns) + edge_rows<float>::bytes(bands, columns);
  }
  static std::size_t zeroed(int bands, int) {
    return std::size_t(bands) * apart * sizeof(unsigned);
  }

  flag_halo(void* memory, int bands, int columns)
      : flags_(static_cast<unsigned*>(memory)),
        rows_{reinterpret_cast<float*>(flags_ + std::size_t(bands) * apart), bands, columns} {}

  template <class Band>
  struct in_block {
    const flag_halo& halo;
    __device__ void swap(int step, Band& mine) {
      const int band = int(blockIdx.x);
      write_edges(halo.rows_, step, mine);
      __syncthreads();  // makes the rows of all threads part of the release
      if (threadIdx.x == 0) store_release(halo.flag(band), unsigned(step));
      if (threadIdx.x == 0 && band > 0) halo.wait_for(band - 1, step);
      if (threadIdx.x == blockDim.x - 1 && band + 1 < halo.rows_.bands)
        halo.wait_for(band + 1, step);
      __syncthreads();
      read_edges(halo.rows_, step, mine);
    }
  };

 private:
  static constexpr int apart = 32;  // words: every flag has a cache line of its own

  __device__ unsigned* flag(int band) const { return flags_ + std::size_t(band) * apart; }
  /// A neighbour may be a step ahead, hence not ==.
  __device__ void wait_for(int band, int step) const {
    while (load_relaxed(flag(band)) < unsigned(step)) pause_between_polls();
    fence_acquire();
  }

  unsigned* flags_;
  edge_rows<float> rows_;
};

}  // namespace detail

struct neighbours : detail::banded<detail::flag_halo> {
  static constexpr rung_info info{6, "neighbours", "flags of the two neighbours, no barrier"};
};

}  // namespace warpladder::solver
