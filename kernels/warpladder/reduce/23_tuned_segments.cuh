// SPDX-License-Identifier: Apache-2.0
//
// 23 tuned_segments. Before: one way for all shapes, which is the wrong one for one axis, for short
// segments (idle threads) and for few of them (idle multiprocessors).
//
// Idea: the shape chooses who works together, and memory is read in its own order on both axes.
//  - Rows of at most 64 cells, a cell being 16 bytes where all rows begin and end at multiples of
//    them, or an element: as many lanes of a warp as give each at most 2 cells, 4 rows at a time.
//  - Longer rows: a warp each (below 16 KiB, and rows enough to fill the machine) or a block each,
//    in 16-byte loads, 4 in flight. A row's ends beyond those multiples are read by single
//    elements.
//  - Columns: tiles that are 128 bytes wide; a thread walks down 16 bytes of columns (1 element
//    where rows are not aligned), 4 rows at a time, and the block combines its threads' totals in
//    shared memory. Where there are few rows, tiles are wider instead.
//  - Few segments, long ones: pieces of 32 to 64 KiB, a block each, in the order of addresses; the
//    partial results are a matrix whose columns the same kernel reduces.
// All orders follow from the shape and from the alignment of the matrix: equal problems give equal
// bits. Kernels are set up while the one before still runs (core/dependent_launch.cuh).
// Traffic: every element once; partials, where there are any, 1 per 32 KiB of a row and 1 per 256
// elements of a column at most. 2^24 floats in one row: 1024 blocks of 256 threads with 64 bytes
// each in flight, 4 of them or more on each of 132 multiprocessors: 64 KiB. Little's law asks for
// 3 TB/s * 1 us / 132 = 23 KB.
// Limited by: device memory; below about 4 MiB by latency, of which the second kernel has a part.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/detail/segments_in_columns.cuh>
#include <warpladder/reduce/detail/segments_in_rows.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

struct tuned_segments_tuning {
  static constexpr int threads = 256;
  static constexpr int in_flight = 4;                       ///< loads of a thread
  static constexpr int short_rows = 4, cells_per_lane = 2;  ///< per group of lanes, and for a row
  static constexpr int tile_bytes = 128;                    ///< of a row, in a tile of columns
  static constexpr std::int64_t blocks = 4 * 132;           ///< what fills a large GPU
  static constexpr std::int64_t plenty = 4 * blocks;        ///< segments or tiles: no more needed
  static constexpr std::int64_t min_piece = 32 << 10, max_piece = 64 << 10;
  static constexpr std::int64_t warp_row_bytes = 16 << 10;
  static_assert(threads % 32 == 0 && threads / 32 <= 32);
};

struct tuned_segments {
  static constexpr rung_info info{23, "tuned_segments", "the shape chooses who works together"};
  using tuning = tuned_segments_tuning;

  template <class T, class Op>
  static support supports(const segmented_problem<T, Op>& p) {
    if (plan_for(as_row(p), true).blocks > std::numeric_limits<std::int32_t>::max() ||
        plan_for(as_row(p), false).blocks > std::numeric_limits<std::int32_t>::max())
      return {"more blocks than the 2^31 - 1 of a grid"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const segmented_problem<T, Op>& p) {
    // Enough for any alignment, so that the answer does not change with the address.
    const segmented_problem<T, Op> as = as_row(p);
    const std::int64_t pieces =
        std::max(plan_for(as, true).columns.pieces, plan_for(as, false).columns.pieces);
    return pieces == 1 ? 0 : std::size_t(pieces * p.segments()) * sizeof(typename Op::accumulator);
  }

  template <class T, class Op>
  static cudaError_t launch(const segmented_problem<T, Op>& posed, cudaStream_t stream,
                            workspace_view workspace) {
    if (lacks(workspace, workspace_bytes(posed))) return cudaErrorInvalidValue;
    if (posed.segments() == 0) return cudaSuccess;
    const segmented_problem<T, Op> p = as_row(posed);
    const plan how = plan_for(p, detail::rows_are_aligned(p.in, p.rows, p.ld));
    const std::int64_t pieces = how.columns.pieces;
    auto* const partials =
        pieces == 1 ? nullptr : static_cast<typename Op::accumulator*>(workspace.data);
    const warpladder::launch_config config{.grid = dim3(unsigned(how.blocks)),
                                           .block = dim3(tuning::threads),
                                           .stream = stream,
                                           .overlaps_kernel_before = true};
    constexpr int width = detail::widest<T>;
    const auto enqueue = [&](auto kernel, const auto&... arguments) {
      return warpladder::launch_kernel(kernel, config, p, arguments...);
    };
    cudaError_t status = cudaSuccess;
    switch (how.by) {
      case way::short_rows:
        status = enqueue(detail::short_rows_kernel<T, Op, 1, tuning>, how.log2_lanes);
        break;
      case way::short_wide_rows:
        status = enqueue(detail::short_rows_kernel<T, Op, width, tuning>, how.log2_lanes);
        break;
      case way::warps:
        status = enqueue(detail::warp_per_row_kernel<T, Op, tuning>);
        break;
      case way::pieces:
        status = enqueue(detail::block_per_piece_kernel<T, Op, tuning>, how.piece_cols, partials);
        break;
      case way::columns:
        status = enqueue(detail::columns_kernel<T, Op, 1, tuning>, how.columns, partials);
        break;
      case way::wide_columns:
        status =
            enqueue(detail::columns_kernel<T, Op, column_width<T>, tuning>, how.columns, partials);
    }
    if (pieces == 1 || status != cudaSuccess) return status;
    return combine_pieces(p, pieces, partials, stream);
  }

 private:
  enum class way { short_rows, short_wide_rows, warps, pieces, columns, wide_columns };
  struct plan {
    way by = way::columns;
    std::int64_t blocks = 0;
    int log2_lanes = 0;           ///< of a short row
    std::int64_t piece_cols = 0;  ///< of a long row
    detail::column_tiling columns = {};
  };

  /// More than 8 totals of up to 16 bytes do not fit into a thread's registers.
  template <class T>
  static constexpr int column_width = detail::widest<T> <= 8 ? detail::widest<T> : 1;

  /// One dense column is a row.
  template <class T, class Op>
  static segmented_problem<T, Op> as_row(segmented_problem<T, Op> p) {
    if (p.axis == along::rows || p.cols != 1 || p.ld != 1) return p;
    p.axis = along::rows;
    p.cols = p.ld = std::exchange(p.rows, 1);
    return p;
  }

  static int log2_ceil(std::int64_t n) {
    return std::bit_width(std::uint64_t(std::max<std::int64_t>(n, 1) - 1));
  }

  /// Bytes per block.
  template <class T, class Op>
  static std::int64_t piece_bytes(const segmented_problem<T, Op>& p) {
    return std::clamp<std::int64_t>(p.rows * p.cols / tuning::blocks * sizeof(T), tuning::min_piece,
                                    tuning::max_piece);
  }

  /// `aligned`: every row begins at a multiple of 16 bytes.
  template <class T, class Op>
  static plan plan_for(const segmented_problem<T, Op>& p, bool aligned) {
    return p.axis == along::rows ? plan_rows(p, aligned) : plan_columns(p, aligned);
  }

  template <class T, class Op>
  static plan plan_rows(const segmented_problem<T, Op>& p, bool aligned) {
    constexpr int width = detail::widest<T>;
    constexpr std::int64_t size = sizeof(T);
    const bool wide = aligned && p.cols % width == 0;
    const std::int64_t cells = p.cols / (wide ? width : 1);
    plan how;
    if (cells <= 32 * tuning::cells_per_lane) {
      how.by = wide ? way::short_wide_rows : way::short_rows;
      how.log2_lanes = log2_ceil(ceil_div<std::int64_t>(cells, tuning::cells_per_lane));
      how.blocks =
          ceil_div<std::int64_t>(p.rows, tuning::short_rows * (tuning::threads >> how.log2_lanes));
    } else if (p.cols * size < tuning::warp_row_bytes && p.rows >= tuning::plenty) {
      how.by = way::warps;
      how.blocks = ceil_div<std::int64_t>(p.rows, tuning::threads / 32);
    } else {
      how.by = way::pieces;
      how.piece_cols = p.cols;
      if (p.rows < tuning::plenty)
        how.piece_cols = round_up<std::int64_t>(piece_bytes(p) / size, tuning::threads * width);
      how.columns.pieces = ceil_div(p.cols, how.piece_cols);
      how.blocks = p.rows * how.columns.pieces;
    }
    return how;
  }

  template <class T, class Op>
  static plan plan_columns(const segmented_problem<T, Op>& p, bool aligned) {
    const bool wide = aligned && column_width<T> > 1;
    plan how;
    how.by = wide ? way::wide_columns : way::columns;
    const int width = wide ? column_width<T> : 1;
    detail::column_tiling& tiling = how.columns = tile(p, width);
    if (tiling.tiles < tuning::plenty) {
      const std::int64_t tile_row_bytes = (width * std::int64_t{sizeof(T)}) << tiling.log2_across;
      tiling.piece_rows = round_up<std::int64_t>(ceil_div(piece_bytes(p), tile_row_bytes),
                                                 tuning::threads >> tiling.log2_across);
      tiling.pieces = std::max<std::int64_t>(1, ceil_div(p.rows, tiling.piece_rows));
    }
    how.blocks = tiling.tiles * tiling.pieces;
    return how;
  }

  /// Tiles as narrow as memory allows, but not so narrow that threads find no row; all rows in one
  /// piece.
  template <class T, class Op>
  static detail::column_tiling tile(const segmented_problem<T, Op>& p, int width) {
    const std::int64_t cells = ceil_div<std::int64_t>(p.cols, width);
    const int log2_threads = log2_ceil(tuning::threads);
    const int log2_down =
        std::min(log2_threads, log2_ceil(ceil_div<std::int64_t>(p.rows, tuning::in_flight)));
    const int log2_narrow = log2_ceil(tuning::tile_bytes / (width * int{sizeof(T)}));
    detail::column_tiling tiling{.piece_rows = p.rows};
    tiling.log2_across =
        std::min(log2_ceil(cells), std::max(log2_narrow, log2_threads - log2_down));
    tiling.tiles = ceil_div(cells, std::int64_t{1} << tiling.log2_across);
    return tiling;
  }

  /// The second kernel: the columns of partials(piece, segment).
  template <class T, class Op>
  static cudaError_t combine_pieces(const segmented_problem<T, Op>& p, std::int64_t pieces,
                                    const typename Op::accumulator* partials, cudaStream_t stream) {
    using accumulator = typename Op::accumulator;
    using op = detail::on_partials<Op>;
    const segmented_problem<accumulator, op> rest{.axis = along::columns,
                                                  .rows = pieces,
                                                  .cols = p.segments(),
                                                  .in = partials,
                                                  .ld = p.segments(),
                                                  .out = p.out,
                                                  .op = op{p.op}};
    const detail::column_tiling tiling = tile(rest, 1);
    return warpladder::launch_kernel(detail::columns_kernel<accumulator, op, 1, tuning>,
                                     {.grid = dim3(unsigned(tiling.tiles)),
                                      .block = dim3(tuning::threads),
                                      .stream = stream,
                                      .overlaps_kernel_before = true},
                                     rest, tiling, nullptr);
  }
};

}  // namespace warpladder::reduce
