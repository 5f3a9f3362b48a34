// SPDX-License-Identifier: Apache-2.0
//
// How 23 tuned_segments reduces rows. Short ones: 1 to 32 lanes each, four rows of every group in
// flight. Long ones: a warp or a block each, or several blocks, which leave a matrix of partial
// results, pieces x rows.
#pragma once

#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/reduce/detail/wide_elements.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce::detail {

/// `value` of all lanes of a group, combined, in its lane 0. Groups are of 1, 2, 4 ... 32 lanes.
template <class Op, int N>
__device__ __forceinline__ void combine_group(const Op& op, int lanes,
                                              typename Op::accumulator (&value)[N]) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
#pragma unroll
    for (int i = 0; i < N; ++i) value[i] = op.combine(value[i], shuffle_xor(value[i], distance));
  }
}

/// Rows of up to `Tuning::short_cells` cells of Width elements each. Their loads do not depend on
/// each other: a lane starts all of its four rows before it waits for the first.
template <class T, class Op, int Width, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    short_rows_kernel(segmented_problem<T, Op> p, int log2_lanes) {
  constexpr int rows = Tuning::short_rows, cells = Tuning::cells_per_lane;
  let_next_kernel_start();
  wait_for_kernels_before();
  const int lanes = 1 << log2_lanes, lane = threadIdx.x & (lanes - 1);
  const int groups = Tuning::threads >> log2_lanes;
  const std::int64_t first = std::int64_t{blockIdx.x} * rows * groups + (threadIdx.x >> log2_lanes);
  const int row_cells = static_cast<int>(p.cols / Width);

  T element[rows][cells][Width];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    // Rows and cells behind the last repeat it: no load waits for a condition of its own.
    const T* const row = p.in + min(first + r * groups, p.rows - 1) * p.ld;
#pragma unroll
    for (int k = 0; k < cells; ++k) {
      if (k * lanes < row_cells)
        load(element[r][k], row + min(lane + k * lanes, row_cells - 1) * Width);
    }
  }
  typename Op::accumulator total[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    total[r] = p.op.identity();
#pragma unroll
    for (int k = 0; k < cells; ++k) {
      const int cell = lane + k * lanes;
      if (cell >= row_cells) continue;
#pragma unroll
      for (int e = 0; e < Width; ++e)
        total[r] = p.op.combine(total[r], p.op.lift(element[r][k][e], cell * Width + e));
    }
  }
  combine_group(p.op, lanes, total);
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::int64_t row = first + r * groups;
    if (lane == 0 && row < p.rows) p.out[row] = p.op.finish(total[r]);
  }
}

/// What a lane of `Lanes` finds in a piece of a row: elements first ... end - 1. The elements
/// before the first multiple of 16 bytes and behind the last are read one by one, by different
/// lanes.
template <int Lanes, int InFlight, class T, class Op>
__device__ __forceinline__ typename Op::accumulator reduce_piece(const Op& op, const T* row,
                                                                 std::int64_t first,
                                                                 std::int64_t end, int lane) {
  constexpr int width = widest<T>;
  const auto beyond = reinterpret_cast<std::uintptr_t>(row + first) % 16;
  const int before = width == 1 || beyond == 0 ? 0 : int((16 - beyond) / sizeof(T));
  const std::int64_t inner = min(end, first + before);
  const std::int64_t vectors = (end - inner) / width, outer = inner + vectors * width;

  auto total = op.identity();
  const int head = int(inner - first), edges = head + int(end - outer);
  for (int i = lane; i < edges; i += Lanes) {
    const std::int64_t at = i < head ? first + i : outer + (i - head);
    total = op.combine(total, op.lift(row[at], at));
  }
  for (std::int64_t v = lane; v < vectors; v += Lanes * InFlight) {
    T element[InFlight][width];
#pragma unroll
    for (int k = 0; k < InFlight; ++k) {
      if (v + k * Lanes < vectors) load(element[k], row + inner + (v + k * Lanes) * width);
    }
#pragma unroll
    for (int k = 0; k < InFlight; ++k) {
      if (v + k * Lanes >= vectors) continue;
#pragma unroll
      for (int e = 0; e < width; ++e)
        total = op.combine(total, op.lift(element[k][e], inner + (v + k * Lanes) * width + e));
    }
  }
  return total;
}

/// A warp per row.
template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) warp_per_row_kernel(segmented_problem<T, Op> p) {
  let_next_kernel_start();
  wait_for_kernels_before();
  const int lane = threadIdx.x % 32;
  const std::int64_t row = std::int64_t{blockIdx.x} * (Tuning::threads / 32) + threadIdx.x / 32;
  if (row >= p.rows) return;  // the whole warp
  typename Op::accumulator total[1] = {
      reduce_piece<32, Tuning::in_flight>(p.op, p.in + row * p.ld, 0, p.cols, lane)};
  combine_group(p.op, 32, total);
  if (lane == 0) p.out[row] = p.op.finish(total[0]);
}

/// A block per piece of a row. If that is not the row, partials(piece, row) is what it found.
template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    block_per_piece_kernel(segmented_problem<T, Op> p, std::int64_t piece_cols,
                           typename Op::accumulator* partials) {
  using accumulator = typename Op::accumulator;
  constexpr int warps = Tuning::threads / 32;
  __shared__ accumulator of_warp[warps];
  let_next_kernel_start();
  wait_for_kernels_before();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const unsigned pieces = gridDim.x / static_cast<unsigned>(p.rows);
  const std::int64_t row = blockIdx.x / pieces, piece = blockIdx.x % pieces;
  const std::int64_t begin = piece * piece_cols, end = min(p.cols, begin + piece_cols);
  accumulator total[1] = {reduce_piece<Tuning::threads, Tuning::in_flight>(
      p.op, p.in + row * p.ld, begin, end, int(threadIdx.x))};
  combine_group(p.op, 32, total);
  if (lane == 0) of_warp[warp] = total[0];
  __syncthreads();
  if (warp > 0) return;
  total[0] = lane < warps ? of_warp[lane] : p.op.identity();
  combine_group(p.op, 32, total);
  if (lane > 0) return;
  if (partials != nullptr) {
    partials[piece * p.rows + row] = total[0];
  } else {
    p.out[row] = p.op.finish(total[0]);
  }
}

}  // namespace warpladder::reduce::detail
