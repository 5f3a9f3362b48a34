// SPDX-License-Identifier: Apache-2.0
//
// What a thread of 06 vectorized, and the rungs above it, transposes in its registers: N vectors of
// N elements from N rows of a tile. Vectors make whole accesses on both sides of a transposition
// only if somebody regroups their elements; N x N of them need nobody else.
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <warpladder/memory/detail/vector.cuh>

namespace warpladder::memory::detail {

/// N for an element type: vectors of 16 bytes; of 4 elements, where these are smaller.
template <class T>
inline constexpr int micro_size = sizeof(T) <= 4 ? 4 : 16 / int{sizeof(T)};

/// Rows and columns of a square tile of at most 16 KiB.
template <class T>
inline constexpr int tile_size = sizeof(T) == 1   ? 128
                                 : sizeof(T) <= 4 ? 64
                                                  : 32;

/// The j-th elements of all rows. Copies within registers, which vanish.
template <class T, int N>
__device__ __forceinline__ vector<T, N> column_of(const vector<T, N> (&rows)[N], int j) {
  T column[N];
#pragma unroll
  for (int i = 0; i < N; ++i) {
    T row[N];
    memcpy(row, &rows[i], sizeof row);
    column[i] = row[j];
  }
  vector<T, N> moved;
  memcpy(&moved, column, sizeof column);
  return moved;
}

/// Does every row of `in` and of `out` begin at a multiple of a micro tile's vectors?
template <class T>
bool rows_are_aligned(const transpose_problem<T>& p) {
  constexpr int bytes = micro_size<T> * int{sizeof(T)};
  return rows_are_aligned(p.in, p.rows, p.ld_in, bytes) &&
         rows_are_aligned(p.out, p.cols, p.ld_out, bytes);
}

/// Can a transposition move whole vectors and nothing else?
template <class T>
support moves_whole_vectors(const transpose_problem<T>& p) {
  if (p.rows % micro_size<T> != 0 || p.cols % micro_size<T> != 0)
    return {"rows and cols must be multiples of a vector's elements, 4 floats"};
  if (!rows_are_aligned(p)) return {"rows of in and out must be aligned to vectors, 16 bytes"};
  return {};
}

}  // namespace warpladder::memory::detail
