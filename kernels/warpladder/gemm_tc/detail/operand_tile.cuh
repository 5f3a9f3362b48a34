// SPDX-License-Identifier: Apache-2.0
//
// A and B in shared memory and on their way to mma.sync, in rungs 02 to 04. Both look the same
// here: "width" counts rows of op(A) or columns of op(B).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <warpladder/core/warp_mma.cuh>

namespace warpladder::gemm_tc::detail {

enum class operand { a, b };

/// Width x Depth elements in shared memory, as they lie in global memory: AlongK, in Width rows of
/// Depth elements, else in Depth rows of Width elements. A row is stored in pieces of 16 bytes;
/// with Swizzled those that one instruction reads together lie in different banks.
template <operand Operand, class In, int Width, int Depth, bool AlongK, bool Swizzled>
class operand_tile {
 public:
  static constexpr int width = Width, depth = Depth;
  static constexpr bool along_k = AlongK;
  static constexpr int piece_elements = 16 / int{sizeof(In)};
  static constexpr int rows = AlongK ? Width : Depth;
  static constexpr int row_bytes = (AlongK ? Depth : Width) * int{sizeof(In)};
  static constexpr int row_pieces = row_bytes / 16;
  static constexpr int bytes = rows * row_bytes;
  static constexpr int steps = Depth * int{sizeof(In)} / 32;  // of one mma each
  static_assert(row_bytes == 64 || row_bytes % 128 == 0, "the swizzle permutes 128 bytes");

  /// Where a piece is stored, in bytes. Moving on by a multiple of 16 rows, or of 8 if elements
  /// have 16 bits or more, adds as many times row_bytes.
  static __device__ __forceinline__ int offset(int row, int piece) {
    return row * row_bytes + (piece ^ (Swizzled ? permutation(row) : 0)) * 16;
  }

  /// Of 16 columns or rows in a strip, the one that lands in row (or column) `i` of the fragments.
  /// Bytes that are contiguous along the width can be turned over only in pairs: see load().
  static __host__ __device__ constexpr int place(int i) {
    return pairs_of_bytes ? i % 8 * 2 + i / 8 : i;
  }

  /// The part of this lane in reading the strips from `first_width` on, a multiple of the strips'
  /// total width, which is a power of 2.
  explicit __device__ __forceinline__ operand_tile(int first_width) {
    const int lane = int(threadIdx.x % 32), matrix = lane / 8, i = lane % 8;
    const int first_piece = first_width / piece_elements;
    if constexpr (AlongK) {
      mine_ = offset(first_width + width_half(matrix) * 8 + i, k_half(matrix));
    } else if constexpr (sizeof(In) == 2) {
      mine_ = offset(k_half(matrix) * 8 + i, first_piece + width_half(matrix));
    } else if constexpr (sizeof(In) == 1) {
      mine_ = offset(matrix / 2 * 16 + matrix % 2 * 2 + i / 2 * 4 + i % 2, first_piece);
    } else {
      mine_ = offset(lane % 4, first_piece + lane / 16) + lane / 4 % 4 * 4;
    }
  }

  /// Loads the fragments of a strip of 16 rows or columns for one mma step, in the order of mma's
  /// registers: A's four, or B's two for the first 8 columns and two for the others.
  __device__ __forceinline__ void load(unsigned (&fragment)[4], const unsigned char* tile,
                                       int strip, int step) const {
    if constexpr (AlongK) {
      ldmatrix(fragment, tile + (mine_ ^ step * 32) + strip * 16 * row_bytes);
    } else if constexpr (sizeof(In) == 2) {
      ldmatrix_transposed(fragment, tile + (mine_ ^ strip * 32) + step * 16 * row_bytes);
    } else if constexpr (sizeof(In) == 1) {
      // Turned over by pairs, a register holds two k of two neighbours; two registers hold four.
      // Which k are rows of which matrix is up to the addresses.
      unsigned pairs[4];
      ldmatrix_transposed(pairs, tile + (mine_ ^ strip * 16) + step * 32 * row_bytes);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        fragment[i] = __byte_perm(pairs[k_half(i) * 2], pairs[k_half(i) * 2 + 1],
                                  width_half(i) == 0 ? 0x6420 : 0x7531);
      }
    } else {
      // Nothing turns over 32-bit elements; but a lane needs just one of each matrix.
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const unsigned char* const at = tile + (mine_ ^ strip * 64 ^ width_half(i) * 32) +
                                        (step * 8 + k_half(i) * 4) * row_bytes;
        fragment[i] = *reinterpret_cast<const unsigned*>(at);
      }
    }
  }

 private:
  static constexpr bool pairs_of_bytes = !AlongK && sizeof(In) == 1;

  /// Which half of the strip's width, and which half of the step's k, register i holds.
  static __device__ constexpr int width_half(int i) {
    return Operand == operand::a ? i % 2 : i / 2;
  }
  static __device__ constexpr int k_half(int i) {
    return Operand == operand::a ? i / 2 : i % 2;
  }

  /// What the number of a piece is XORed with: different for the rows that are read together. Of a
  /// row of 64 bytes there are only 4 pieces, and two rows in 128 bytes.
  static __device__ __forceinline__ int permutation(int row) {
    if constexpr (row_bytes == 64) return row / 2 % 4;
    if constexpr (AlongK || sizeof(In) == 2) return row % 8;
    if constexpr (sizeof(In) == 1) return row % 2 + row / 4 % 4 * 2;
    return row % 4 * 2;
  }

  int mine_;
};

/// 16 bytes of a row of which `valid` elements may be read; zeros in place of the others. With
/// `aligned`, rows begin at multiples of 16 bytes.
template <class In>
__device__ __forceinline__ uint4 load_piece(const In* from, std::int64_t valid, bool aligned) {
  constexpr int elements = 16 / int{sizeof(In)};
  if (aligned && valid >= elements) return *reinterpret_cast<const uint4*>(from);
  In piece[elements];
  memset(static_cast<void*>(piece), 0, sizeof piece);
#pragma unroll
  for (int i = 0; i < elements; ++i) {
    if (i < valid) piece[i] = from[i];
  }
  uint4 words;
  memcpy(&words, piece, sizeof words);
  return words;
}

/// Do all rows of an operand begin at multiples of 16 bytes, in all products of the batch?
template <class In>
__host__ __device__ bool has_aligned_rows(const In* base, std::int64_t ld, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && ld * sizeof(In) % 16 == 0 &&
         stride * sizeof(In) % 16 == 0;
}

}  // namespace warpladder::gemm_tc::detail
