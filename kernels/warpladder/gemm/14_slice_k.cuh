// SPDX-License-Identifier: Apache-2.0
//
// 14 slice_k. Before: the big-tile rungs give each warp its own piece of C and walk k one tile at a
// time. A 256 x 256 C holds four 128 x 128 tiles: 4 of 132 multiprocessors work, and a 32 x 32 C
// leaves one warp to wait for memory again at every step of k.
//
// Idea: small problems are limited by latency, so have everything in flight at once. The tile of C
// is small, and the warps of a block slice k between them: each computes the whole tile over every
// Slices-th k, with the register blocking of a large tile. Partial sums meet in shared memory once
// at the end, in slice order. Panels are fetched with cp.async, all of them at the start when
// k <= depth * (stages - 1).
// (Slicing k inside a block is CUTLASS's "sliced-K", docs/efficient_gemm.md.)
//
// Latency, 128^3 on an H100: a graph node costs 0.8 us; one trip to L2 and back 0.6 us, paid once
// instead of once per step of k; a 16 x 16 tile is 128 * 256 / 128 lanes = 256 cycles (0.15 us) of
// multiply-adds; two barriers and the reduction through shared memory 0.2 us: about 2 us in all,
// on 64 multiprocessors.
// Copies are 4 bytes, so any alignment, leading dimension and transpose works in one kernel: lanes
// follow whichever direction is contiguous (a run-time choice of two start indices). Where rows of
// four floats are aligned and contiguous along C's rows or columns, 16 bytes at once.
// Limited by: the number of tiles. 64 x 64 x 16384 is 4 tiles for 132 multiprocessors -> 15.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/detail/slice_k_panel.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// Which operands may be copied 16 bytes at a time.
struct slice_k_wide {
  bool a, b;
};

/// The block's tile of op(A) op(B) over k_begin <= k < k_end: calls use(row, column, sum) once per
/// element of the tile, those outside the matrix included. `shared` is slice_k_shared_bytes() long.
template <class Tuning, class Use>
__device__ __forceinline__ void slice_k_tile(const problem<float>& p, slice_k_wide wide,
                                             std::int64_t row0, std::int64_t column0, int k_begin,
                                             int k_end, float* shared, Use use) {
  using panel_a = slice_k_panel<Tuning, Tuning::tile_m>;
  using panel_b = slice_k_panel<Tuning, Tuning::tile_n>;
  using fragment_a = slice_k_fragment<Tuning::thread_m, Tuning::tile_m>;
  using fragment_b = slice_k_fragment<Tuning::thread_n, Tuning::tile_n>;
  constexpr int stage_floats = panel_a::floats + panel_b::floats;
  constexpr int steps_at_once = Tuning::slices * Tuning::unroll;
  constexpr int threads_across = Tuning::tile_n / Tuning::thread_n;
  const int slice = int(threadIdx.x) / Tuning::slice_threads;
  const int thread_row = int(threadIdx.x) % Tuning::slice_threads / threads_across;
  const int thread_column = int(threadIdx.x) % threads_across;

  panel_a a(p.a + row0 * p.a_row() + k_begin * p.a_col(), p.a_row(), p.a_col(), p.m - row0, wide.a);
  panel_b b(p.b + column0 * p.b_col() + k_begin * p.b_row(), p.b_col(), p.b_row(), p.n - column0,
            wide.b);
  int to_copy = k_end - k_begin, copy_slot = 0;
  const auto start_stage = [&] {
    if (to_copy > 0) {
      float* to = shared + copy_slot * stage_floats;
      a.start_copies(to, to_copy);
      b.start_copies(to + panel_a::floats, to_copy);
      to_copy -= Tuning::depth;
      copy_slot = copy_slot + 1 == Tuning::stages ? 0 : copy_slot + 1;
    }
    async_copy_commit();
  };
#pragma unroll 1
  for (int stage = 0; stage < Tuning::stages - 1; ++stage) start_stage();

  fragment_b sum[Tuning::thread_m] = {};
  const float* from = shared;
#pragma unroll 1
  for (int left = k_end - k_begin; left > 0; left -= Tuning::depth) {
    async_copy_wait<Tuning::stages - 2>();
    __syncthreads();  // this stage has landed, and the place of the one before is free
    start_stage();
#pragma unroll 1
    for (int first = 0; first < Tuning::depth && first < left; first += steps_at_once) {
#pragma unroll
      for (int k = first + slice; k < first + slice + steps_at_once; k += Tuning::slices) {
        fragment_a x;
        fragment_b y;
        x.load(from + k * panel_a::pitch, thread_row);
        y.load(from + panel_a::floats + k * panel_b::pitch, thread_column);
#pragma unroll
        for (int i = 0; i < Tuning::thread_m; ++i)
#pragma unroll
          for (int j = 0; j < Tuning::thread_n; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    from += stage_floats;
    if (from == shared + Tuning::stages * stage_floats) from = shared;
  }
  // No copy is in flight: the groups committed after the last stage are empty.
  __syncthreads();  // the panels are done with: the partial sums take their place

  constexpr int tile = Tuning::tile_m * Tuning::tile_n;
#pragma unroll
  for (int i = 0; i < Tuning::thread_m; ++i) {
    const int row = fragment_a::index(thread_row, i / fragment_a::width) + i % fragment_a::width;
    sum[i].store(shared + slice * tile + row * Tuning::tile_n, thread_column);
  }
  __syncthreads();
  constexpr int at_once = tile / Tuning::threads % 4 == 0 ? 4 : 1;
#pragma unroll 1
  for (int first = int(threadIdx.x); first < tile; first += at_once * Tuning::threads) {
    float total[at_once] = {};
#pragma unroll
    for (int s = 0; s < Tuning::slices; ++s)
#pragma unroll
      for (int i = 0; i < at_once; ++i) total[i] += shared[s * tile + first + i * Tuning::threads];
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const int place = first + i * Tuning::threads;
      use(place / Tuning::tile_n, place % Tuning::tile_n, total[i]);
    }
  }
}

/// Dynamic shared memory of a block that takes k steps: no more stages than there are, so that more
/// blocks of a small problem fit on a multiprocessor.
template <class Tuning>
std::size_t slice_k_shared_bytes(int k) {
  constexpr int stage_floats =
      slice_k_panel<Tuning, Tuning::tile_m>::floats + slice_k_panel<Tuning, Tuning::tile_n>::floats;
  const int panels = std::min(Tuning::stages, ceil_div(k, Tuning::depth)) * stage_floats;
  return std::max(panels, Tuning::slices * Tuning::tile_m * Tuning::tile_n) * sizeof(float);
}

inline slice_k_wide slice_k_choose_wide(const problem<float>& p) {
  const auto fits = [&](const float* x, std::int64_t extent, std::int64_t row,
                        std::int64_t k_stride, std::int64_t batch_stride) {
    return row == 1 && extent % 4 == 0 && k_stride % 4 == 0 && batch_stride % 4 == 0 &&
           reinterpret_cast<std::uintptr_t>(x) % 16 == 0;
  };
  return {fits(p.a, p.m, p.a_row(), p.a_col(), p.stride_a),
          fits(p.b, p.n, p.b_col(), p.b_row(), p.stride_b)};
}

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks)
    slice_k_kernel(problem<float> p, slice_k_wide wide) {
  const std::int64_t row0 = std::int64_t(blockIdx.y) * Tuning::tile_m;
  const std::int64_t column0 = std::int64_t(blockIdx.x) * Tuning::tile_n;
  slice_k_tile<Tuning>(p, wide, row0, column0, 0, p.depth(), dynamic_shared<float>(),
                       [&](int row, int column, float sum) {
                         if (row0 + row >= p.m || column0 + column >= p.n) return;
                         store_scaled(&p.c[(row0 + row) * p.ldc + column0 + column], sum, p.alpha,
                                      p.beta);
                       });
}

struct slice_k {
  static constexpr rung_info info{.step = 14,
                                  .name = "slice_k",
                                  .idea = "warps slice k; everything in flight at once",
                                  .min_compute_capability = 80};
  using tuning = slice_k_tuning<32, 32, 8, 4, 8, 64, 3>;

  static support supports(const problem<float>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (ceil_div<std::int64_t>(p.m, tuning::tile_m) > 65535) return {"m exceeds grid.y"};
    return {};
  }

  static std::size_t workspace_bytes(const problem<float>&) { return 0; }

  template <class Tuning = tuning>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 grid(ceil_div<std::int64_t>(p.n, Tuning::tile_n),
                    ceil_div<std::int64_t>(p.m, Tuning::tile_m));
    return warpladder::launch_kernel(slice_k_kernel<Tuning>,
                                     {.grid = grid,
                                      .block = dim3(Tuning::threads),
                                      .shared_bytes = slice_k_shared_bytes<Tuning>(p.depth()),
                                      .stream = stream},
                                     p, slice_k_choose_wide(p));
  }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned(p, stream);
  }
};

}  // namespace warpladder::gemm
