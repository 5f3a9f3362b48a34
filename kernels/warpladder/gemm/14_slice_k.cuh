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
// Limited by: the number of tiles. 64 x 64 x 16384 is 16 tiles for 132 multiprocessors -> 15.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// A block computes a tile_m x tile_n tile of C by `slices` groups of threads, each thread
/// thread_m x thread_n elements over its group's share of k; `depth` steps of k per stage. `blocks`
/// are to fit on a multiprocessor: it bounds the registers.
template <int TileM, int TileN, int ThreadM, int ThreadN, int Slices, int Depth, int Stages,
          int Blocks = 0>
struct slice_k_tuning {
  static constexpr int tile_m = TileM, tile_n = TileN, thread_m = ThreadM, thread_n = ThreadN;
  static constexpr int slices = Slices, depth = Depth, stages = Stages;
  static constexpr int slice_threads = (TileM / ThreadM) * (TileN / ThreadN);
  static constexpr int threads = slice_threads * Slices;
  static constexpr int blocks = Blocks > 0 ? Blocks : std::max(1, 512 / threads);
  static constexpr int unroll = std::min(ThreadM * ThreadN < 64 ? 4 : 1, Depth / Slices);
  static_assert(TileM % ThreadM == 0 && TileN % ThreadN == 0);
  static_assert(slice_threads % 32 == 0, "a slice is made of whole warps");
  static_assert(threads <= 1024 && threads % TileM == 0 && threads % TileN == 0 &&
                TileM * TileN % threads == 0);
  static_assert(Depth % (Slices * unroll) == 0, "every slice takes as many steps");
  static_assert(Depth * TileM % threads == 0 && Depth * TileN % threads == 0 && Stages >= 2);
};

/// One thread's part in copying panels of op(A) or op(B)^T, `Rows` x depth elements each, to shared
/// memory as [k][row], whatever their order in global memory.
template <class Tuning, int Rows>
struct slice_k_panel {
  static constexpr int depth = Tuning::depth, threads = Tuning::threads;
  static constexpr int pitch = Rows + 4;  // 8 steps of k by 4 rows hit 32 banks
  static constexpr int floats = depth * pitch;
  // The threads cover all rows by `step` of k, in 16-byte copies all rows by wide_step, and where k
  // is the contiguous direction span_rows rows by span_k: 8 floats, a whole sector, or more.
  static constexpr int step = threads / Rows, wide_step = 4 * step;
  static constexpr int span_rows = std::min(Rows, threads / 8), span_k = threads / span_rows;
  static_assert(depth % step == 0 && depth % span_k == 0 && Rows % span_rows == 0);

  const float* source;  // the thread's first element of the next stage
  std::int64_t row_stride, k_stride;
  int row, k;  // where that is in the panel
  int rows;    // how many rows of the panel exist
  bool wide, along_k;

  __device__ slice_k_panel(const float* first, std::int64_t row_stride, std::int64_t k_stride,
                           std::int64_t rows_left, bool may_be_wide)
      : row_stride(row_stride),
        k_stride(k_stride),
        rows(int(min(rows_left, std::int64_t(Rows)))),
        wide(may_be_wide && depth % wide_step == 0),
        along_k(k_stride == 1 && !wide) {
    const int thread = int(threadIdx.x);
    row = wide ? thread % (Rows / 4) * 4 : along_k ? thread / 8 % span_rows : thread % Rows;
    k = wide      ? thread / (Rows / 4)
        : along_k ? thread % 8 + thread / (8 * span_rows) * 8
                  : thread / Rows;
    source = first + row * row_stride + k * k_stride;
  }

  /// Starts the copies of the next stage, of which `k_left` steps of k exist; the rest is zero.
  __device__ void start_copies(float* shared, int k_left) {
    float* target = &shared[k * pitch + row];
    if (wide) {
#pragma unroll
      for (int i = 0; i < depth; i += wide_step, source += wide_step * k_stride)
        async_copy<16>(&target[i * pitch], source, row < rows && k + i < k_left);
    } else if (along_k) {
      const float* from = source;
#pragma unroll
      for (int j = 0; j < Rows; j += span_rows, from += span_rows * row_stride)
#pragma unroll
        for (int i = 0; i < depth; i += span_k)
          async_copy<4>(&target[i * pitch + j], from + i, row + j < rows && k + i < k_left);
      source += depth;
    } else {
#pragma unroll
      for (int i = 0; i < depth; i += step, source += step * k_stride)
        async_copy<4>(&target[i * pitch], source, row < rows && k + i < k_left);
    }
  }
};

/// A thread's Count of Tile elements in shared memory, in vectors of up to four. The vectors of
/// neighbouring threads touch, a thread's own lie far apart: no bank conflicts.
template <int Count, int Tile>
struct slice_k_fragment {
  static constexpr int width = Count % 4 == 0 ? 4 : Count % 2 == 0 ? 2 : 1;
  struct alignas(width * sizeof(float)) vector {
    float element[width];
  };
  vector vectors[Count / width];

  /// Where vector i of a thread begins.
  __device__ static int index(int thread, int i) {
    return thread * width + i * (Tile / (Count / width));
  }
  __device__ float& operator[](int i) { return vectors[i / width].element[i % width]; }
  __device__ void load(const float* shared, int thread) {
#pragma unroll
    for (int i = 0; i < Count / width; ++i)
      vectors[i] = *reinterpret_cast<const vector*>(&shared[index(thread, i)]);
  }
  __device__ void store(float* shared, int thread) const {
#pragma unroll
    for (int i = 0; i < Count / width; ++i)
      *reinterpret_cast<vector*>(&shared[index(thread, i)]) = vectors[i];
  }
};

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
  async_copy_wait<0>();
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
    return warpladder::launch(slice_k_kernel<Tuning>,
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
