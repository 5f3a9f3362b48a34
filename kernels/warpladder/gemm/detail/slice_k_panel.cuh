// SPDX-License-Identifier: Apache-2.0
//
// What the rungs for small C share: panels of any layout copied into shared memory with cp.async
// (09 and 11 explain that), and a thread's vectors read from them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/async_copy.cuh>

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

}  // namespace warpladder::gemm
