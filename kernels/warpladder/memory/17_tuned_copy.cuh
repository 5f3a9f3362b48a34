// SPDX-License-Identifier: Apache-2.0
//
// 17 tuned_copy. Before: whole vectors, aligned alike on both sides.
//
// Idea: 15 loads_in_flight for every legal problem. Memory is divided as `out` divides it, into
// cells of 16 aligned bytes; a thread fills cells:
//   * a cell that lies within a row is written by one store. Its source is one aligned vector, or
//     (Shifted) two neighbours, from which 16 bytes are cut by selects and funnel shifts;
//   * a cell at the end of a row is filled element by element. So is a cell whose two vectors would
//     reach beyond the row: nothing is read that is not copied.
// Dense matrices are one long row. Threads are as many across as a row has cells, at most all of
// the block's; their further cells lie along the row if it is long, else in rows below.
// Traffic: a store is 16 sectors for 512 bytes whatever the alignment. Shifted loads ask for 16
// bytes per lane twice, 17 sectors; the second request finds in L1 what the first brought, so that
// L2 sees the bytes once. 15 instructions per cell to shift: at 5.7 bytes per clock each way, a
// multiprocessor has 89 clocks, 356 instructions, for the 512 bytes of a warp.
// Limited by: device memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/carrier.hpp>
#include <warpladder/memory/detail/dense.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct tuned_copy_tuning {
  static constexpr int threads = 128;
  static constexpr int cells = 4;  ///< per thread, all loaded before the first is stored
};

namespace detail {

/// How the blocks of 17 tuned_copy cover a matrix: tiles of `rows` x `cells`.
struct copy_tiling {
  int log2_across = 0;     ///< threads of a block along a row
  bool along_row = false;  ///< where the further cells of a thread lie
  std::int64_t tiles_across = 0, tiles = 0;
  int rows = 0, cells = 0;
};

/// The 16 bytes that begin `shift` bytes (0 to 15) behind the beginning of `low`.
__device__ __forceinline__ uint4 cut(const uint4& low, const uint4& high, unsigned shift) {
  unsigned word[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
  for (int i = 0; i < 6; ++i) word[i] = shift & 8 ? word[i + 2] : word[i];
#pragma unroll
  for (int i = 0; i < 5; ++i) word[i] = shift & 4 ? word[i + 1] : word[i];
#pragma unroll
  for (int i = 0; i < 4; ++i) word[i] = __funnelshift_r(word[i], word[i + 1], shift % 4 * 8);
  return {word[0], word[1], word[2], word[3]};
}

}  // namespace detail

template <class T, bool Shifted, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    tuned_copy_kernel(copy_problem<T> p, detail::copy_tiling tiling) {
  constexpr int cell_bytes = 16, cells = Tuning::cells;
  const unsigned tiles_across = static_cast<unsigned>(tiling.tiles_across);
  const int across = 1 << tiling.log2_across;
  const int x = threadIdx.x & (across - 1), y = threadIdx.x >> tiling.log2_across;
  const std::int64_t first_row = std::int64_t{blockIdx.x / tiles_across} * tiling.rows + y;
  const std::int64_t first_cell = std::int64_t{blockIdx.x % tiles_across} * tiling.cells + x;
  const int row_step = tiling.along_row ? 0 : Tuning::threads >> tiling.log2_across;
  const int cell_step = tiling.along_row ? across : 0;
  const std::int64_t row_bytes = p.cols * std::int64_t{sizeof(T)};

  // A cell is the bytes begin ... begin + 15 of a row, of which some may lie outside of it.
  struct place {
    const char* from;
    char* to;
    std::int64_t begin;
    unsigned shift;  ///< of the source against 16 bytes
    bool is_whole;
  } cell[cells];
  uint4 low[cells], high[Shifted ? cells : 1];
#pragma unroll
  for (int k = 0; k < cells; ++k) {
    const std::int64_t row = first_row + k * row_step;
    auto& [from, to, begin, shift, is_whole] = cell[k];
    begin = row_bytes;  // nothing to do
    is_whole = false;
    if (row >= p.rows) continue;
    from = reinterpret_cast<const char*>(p.in + row * p.ld_in);
    to = reinterpret_cast<char*>(p.out + row * p.ld_out);
    begin = (first_cell + k * cell_step) * cell_bytes -
            std::int64_t(reinterpret_cast<std::uintptr_t>(to) % cell_bytes);
    shift = Shifted ? unsigned((reinterpret_cast<std::uintptr_t>(from) + begin) % cell_bytes) : 0;
    const std::int64_t end = begin - shift + (shift == 0 ? cell_bytes : 2 * cell_bytes);
    is_whole = begin >= shift && end <= row_bytes;
    if (!is_whole) continue;
    low[k] = *reinterpret_cast<const uint4*>(from + begin - shift);
    if constexpr (Shifted) {
      if (shift != 0) high[k] = *reinterpret_cast<const uint4*>(from + begin - shift + cell_bytes);
    }
  }
#pragma unroll
  for (int k = 0; k < cells; ++k) {
    const auto& [from, to, begin, shift, is_whole] = cell[k];
    if (is_whole) {
      uint4 moved = low[k];
      if constexpr (Shifted) {
        if (shift != 0) moved = detail::cut(low[k], high[k], shift);
      }
      *reinterpret_cast<uint4*>(to + begin) = moved;
    } else {
      const std::int64_t end = begin + cell_bytes < row_bytes ? begin + cell_bytes : row_bytes;
      for (std::int64_t at = begin > 0 ? begin : 0; at < end; at += sizeof(T))
        *reinterpret_cast<T*>(to + at) = *reinterpret_cast<const T*>(from + at);
    }
  }
}

struct tuned_copy {
  static constexpr rung_info info{17, "tuned_copy", "any alignment: aligned stores, shifted loads"};
  using tuning = tuned_copy_tuning;

  template <class T>
  static detail::copy_tiling tile(const copy_problem<T>& p) {
    constexpr std::int64_t threads = tuning::threads, loads = tuning::cells, size = sizeof(T);
    // The bytes before a row in its first cell: the same for all rows, or as many as there may be.
    const bool same = p.rows == 1 || p.ld_out * size % 16 == 0;
    const std::int64_t before = same ? reinterpret_cast<std::uintptr_t>(p.out) % 16 : 16 - size;
    const std::int64_t cells = ceil_div<std::int64_t>(before + p.cols * size, 16);
    const std::int64_t across = std::bit_ceil(std::uint64_t(std::min(cells, threads)));
    const std::int64_t block_rows = threads / across;
    detail::copy_tiling tiling;
    tiling.log2_across = std::bit_width(std::uint64_t(across)) - 1;
    tiling.along_row = p.rows < block_rows * loads || cells >= 4 * threads * loads;
    tiling.rows = int(tiling.along_row ? block_rows : block_rows * loads);
    tiling.cells = int(tiling.along_row ? across * loads : across);
    tiling.tiles_across = ceil_div<std::int64_t>(cells, tiling.cells);
    const std::int64_t tiles_down = ceil_div<std::int64_t>(p.rows, tiling.rows);
    constexpr std::int64_t max_tiles = std::numeric_limits<std::int32_t>::max();
    if (tiles_down <= max_tiles / tiling.tiles_across)
      tiling.tiles = tiles_down * tiling.tiles_across;
    return tiling;
  }

  template <class T>
  static support supports(const copy_problem<T>& p) {
    if (!p.is_empty() && tile(detail::flattened(as_words(p))).tiles == 0)
      return {"more tiles than the 2^31 - 1 blocks of a grid"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const auto flat = detail::flattened(as_words(p));
    using word = std::remove_pointer_t<decltype(flat.out)>;
    const auto apart =
        reinterpret_cast<std::uintptr_t>(flat.in) - reinterpret_cast<std::uintptr_t>(flat.out);
    const bool alike =
        apart % 16 == 0 &&
        (flat.rows == 1 || (flat.ld_in - flat.ld_out) * std::int64_t{sizeof(word)} % 16 == 0);
    const detail::copy_tiling tiling = tile(flat);
    const warpladder::launch_config config{
        .grid = dim3(unsigned(tiling.tiles)), .block = dim3(tuning::threads), .stream = stream};
    const auto kernel =
        alike ? tuned_copy_kernel<word, false, tuning> : tuned_copy_kernel<word, true, tuning>;
    return warpladder::launch_kernel(kernel, config, flat, tiling);
  }

 private:
  /// The same copy in words of the alignment of T: every cell begins at one.
  template <class T>
  static auto as_words(const copy_problem<T>& p) {
    using word = detail::word<alignof(T)>;
    constexpr std::int64_t n = sizeof(T) / sizeof(word);
    return copy_problem<word>{.rows = p.rows,
                              .cols = p.cols * n,
                              .in = reinterpret_cast<const word*>(p.in),
                              .ld_in = p.ld_in * n,
                              .out = reinterpret_cast<word*>(p.out),
                              .ld_out = p.ld_out * n};
  }
};

}  // namespace warpladder::memory
