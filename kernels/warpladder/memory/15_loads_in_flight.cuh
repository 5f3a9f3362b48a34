// SPDX-License-Identifier: Apache-2.0
//
// 15 loads_in_flight. Before: each thread had one load in flight, and none at all while it started,
// computed its address and stored.
//
// Idea: every thread starts several independent loads before its first store waits for one.
// Traffic: the same requests, 4 of 16 bytes per thread. By Little's law, bytes in flight are
// bandwidth times latency: to read 1.5 TB/s at 600 ns, 0.9 MB, 6.8 KB on each of 132
// multiprocessors; both directions, 1.8 MB or 13.6 KB; under load, where latency doubles, twice
// that. 2048 threads have 128 KB now, so that a quarter of them may be starting or storing at any
// time. A quarter as many threads start, and compute an address once for 4 accesses.
// Limited by: device memory. 3.0 of the 3.35 TB/s of an H100's data sheet is what any mixture of
// reads and writes gets.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/tiles.cuh>
#include <warpladder/memory/detail/vector.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct loads_in_flight_tuning {
  static constexpr int loads = 4;  ///< vectors that a thread has in flight
  static constexpr int block_rows = 8, block_cols = 32;
  static constexpr int threads = block_rows * block_cols;
  static constexpr int tile_cols = block_cols * loads;
};

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) loads_in_flight_kernel(copy_problem<float4> p) {
  const auto begin = detail::tile_begin<Tuning::block_rows, Tuning::tile_cols>(p, blockIdx.x);
  const std::int64_t row = begin.row + threadIdx.y, col = begin.col + threadIdx.x;
  if (row >= p.rows) return;

  float4 moved[Tuning::loads];
#pragma unroll
  for (int k = 0; k < Tuning::loads; ++k) {
    const std::int64_t at = col + k * Tuning::block_cols;
    if (at < p.cols) moved[k] = p.in[row * p.ld_in + at];
  }
#pragma unroll
  for (int k = 0; k < Tuning::loads; ++k) {
    const std::int64_t at = col + k * Tuning::block_cols;
    if (at < p.cols) p.out[row * p.ld_out + at] = moved[k];
  }
}

struct loads_in_flight {
  static constexpr rung_info info{15, "loads_in_flight", "four loads before the first store"};
  using tuning = loads_in_flight_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    if (const support whole = detail::moves_whole_vectors(p); !whole) return whole;
    return detail::fits_grid<tuning::block_rows, tuning::tile_cols>(detail::in_vectors(p));
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const copy_problem<float4> vectors = detail::in_vectors(p);
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(detail::tile_count<tuning::block_rows, tuning::tile_cols>(vectors));
    return warpladder::launch_kernel(loads_in_flight_kernel<tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, vectors);
  }
};

}  // namespace warpladder::memory
