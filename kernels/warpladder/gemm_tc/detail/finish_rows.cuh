// SPDX-License-Identifier: Apache-2.0
//
// The way of a warp's sums to C, in rungs 01 to 04: through shared memory, so that neighbouring
// lanes write neighbours, and a row of the warp's tile becomes whole sectors of global memory. In
// registers a lane has pairs, 4 lanes 8 columns: of 16-bit outputs half a sector.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// Columns of shared memory for `cols` sums: rows begin 8 banks apart, and 16 lanes that write
/// pairs in 4 rows do not meet.
__host__ __device__ constexpr int sums_stride(int cols) {
  return cols + 8;
}

/// target = elements. Put together by hand where they are narrow, because nvcc stores the elements
/// of a struct of 16-bit ones one by one.
template <class Packet, class Output, int Count>
__device__ __forceinline__ void store_whole(Packet& target, const Output (&elements)[Count]) {
  static_assert(sizeof(Packet) == sizeof elements);
  if constexpr (sizeof(Output) == 4) {
    target = *reinterpret_cast<const Packet*>(&elements);
  } else {
    using bits = std::conditional_t<sizeof(Output) == 1, std::uint8_t, std::uint16_t>;
    using whole = std::conditional_t<sizeof(Packet) == 4, std::uint32_t, std::uint64_t>;
    whole packed = 0;
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      bits element;
      memcpy(&element, &elements[i], sizeof element);
      packed |= whole{element} << (i * 8 * int(sizeof element));
    }
    *reinterpret_cast<whole*>(&target) = packed;
  }
}

/// Finishes Rows x Cols sums in shared memory, `stride` apart (a multiple of 4), and writes those
/// that belong to C from (first_row, first_col) on. first_col is a multiple of 16.
template <int Rows, int Cols, class Problem>
__device__ __forceinline__ void finish_rows(const Problem& p, const typename Problem::scalar* sums,
                                            int stride, std::int64_t first_row,
                                            std::int64_t first_col, std::int64_t batch) {
  using scalar = typename Problem::scalar;
  using output = typename Problem::output;
  constexpr int count = 4;  // columns of a lane: 16 bytes of shared memory
  constexpr int lanes_across = Cols / count;
  static_assert(Cols % count == 0 && 32 % lanes_across == 0);
  struct alignas(16) sums_packet {
    scalar sum[count];
  };
  struct alignas(count * sizeof(output)) packet {
    output element[count];
  };
  const int lane = int(threadIdx.x % 32);
  const std::int64_t col = first_col + lane % lanes_across * count;
  if (col >= p.n) return;
  output* const c = p.c + batch * p.stride_c + first_row * p.ldc + col;
  const bool whole = col + count <= p.n &&
                     reinterpret_cast<std::uintptr_t>(c) % alignof(packet) == 0 &&
                     p.ldc % count == 0;

#pragma unroll 1
  for (int i = lane / lanes_across; i < Rows && first_row + i < p.m; i += 32 / lanes_across) {
    const scalar* const sum = sums + i * stride + lane % lanes_across * count;
    if (!whole) {
#pragma unroll 1
      for (int j = 0; j < count && col + j < p.n; ++j)
        finish(p, sum[j], first_row + i, col + j, batch);
      continue;
    }
    const auto four = *reinterpret_cast<const sums_packet*>(sum);
    auto& target = *reinterpret_cast<packet*>(c + i * p.ldc);
    packet values;
    if (p.beta != scalar(0)) values = target;
#pragma unroll
    for (int j = 0; j < count; ++j) {
      scalar value = wrapping_product(p.alpha, four.sum[j]);
      if (p.beta != scalar(0))
        value = wrapping_add(value, wrapping_product(p.beta, scalar(values.element[j])));
      values.element[j] = output(p.epilogue(value, first_row + i, col + j, batch));
    }
    store_whole(target, values.element);
  }
}

/// Lays 16 rows of sums that a warp holds in the fragments of mma.sync out in shared memory:
/// StripsB squares of 16 x 16, sum[j][h] being half h of square j.
template <class TileA, class TileB, int StripsB, class Scalar>
__device__ __forceinline__ void spread_strip(const Scalar (&sum)[StripsB][2][4], Scalar* shared,
                                             int stride) {
  struct alignas(2 * sizeof(Scalar)) pair {
    Scalar x, y;
  };
  const int lane = int(threadIdx.x % 32), g = lane / 4, q = lane % 4;
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    Scalar* const line = shared + TileA::place(g + 8 * row) * stride;
#pragma unroll
    for (int j = 0; j < StripsB; ++j) {
      const Scalar(&square)[2][4] = sum[j];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        // Two columns of one half are neighbours, or the same column of both halves are.
        constexpr bool in_order = TileB::place(1) == 1;
        const int col = in_order ? 8 * half + 2 * q : TileB::place(2 * q + half);
        const pair values = in_order ? pair{square[half][2 * row], square[half][2 * row + 1]}
                                     : pair{square[0][2 * row + half], square[1][2 * row + half]};
        *reinterpret_cast<pair*>(line + j * 16 + col) = values;
      }
    }
  }
}

/// Finishes the sums that a warp holds in the fragments of mma.sync: StripsA x StripsB squares of
/// 16 x 16, sum[i][j][h] being half h of square (i, j). `shared` has room for
/// 16 * sums_stride(16 * StripsB) sums and belongs to this warp alone.
template <class TileA, class TileB, int StripsA, int StripsB, class Problem>
__device__ __forceinline__ void finish_fragments(
    const Problem& p, const typename Problem::scalar (&sum)[StripsA][StripsB][2][4],
    typename Problem::scalar* shared, std::int64_t first_row, std::int64_t first_col,
    std::int64_t batch) {
  constexpr int stride = sums_stride(16 * StripsB);
#pragma unroll
  for (int i = 0; i < StripsA; ++i) {
    __syncwarp();  // the strip before this one has been read
    spread_strip<TileA, TileB>(sum[i], shared, stride);
    __syncwarp();
    finish_rows<16, 16 * StripsB>(p, shared, stride, first_row + 16 * i, first_col, batch);
  }
}

}  // namespace warpladder::gemm_tc::detail
