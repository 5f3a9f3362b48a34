// SPDX-License-Identifier: Apache-2.0
//
// How rungs 13 and 14 bring an operand from global memory into the registers that mma.sync wants,
// past shared memory.
//
// mma.sync asks lane (g, q) = (lane / 4, lane % 4) for words q and q + 4 of its rows' 8 words along
// k. Which k a word holds is nobody's business as long as both operands agree. So let a *chunk* be
// 64 bytes along k, of which lane (g, q) owns the 16 bytes q of each of its rows: its first two
// words serve one mma, the others a second one.
//
//   along    k is contiguous: the 16 bytes are one load. A warp reads 8 rows, 64 bytes of each.
//   across   rows are contiguous: a load brings one k of `Slots` neighbouring rows, 8 such vectors
//            side by side; the words are put together from the loads of 4 / sizeof k.
//   anyhow   element by element: any strides, alignment and ragged ends.
//
// Which row is which is nobody's business either. A lane has `Slots` rows; row g of 8 is row
// 8 * slot + g of the matrix (along), or Slots * g + slot (across).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <warpladder/core/global_load.cuh>

namespace warpladder::gemm_tc::detail {

enum class direct_layout { along, across, anyhow };

/// An operand as these kernels see it: A, or B turned over, so that k runs along its rows.
template <class In>
struct direct_matrix {
  const In* data;
  std::int64_t row_stride, k_stride, batch_stride;
  std::int64_t rows;

  /// The fastest layout that fits, for lanes that own `slots` rows.
  direct_layout layout(std::int64_t k, int slots, std::int64_t batch) const {
    constexpr std::int64_t piece = 16 / sizeof(In);
    const auto whole = [&](std::int64_t elements, std::int64_t leading) {
      return leading % elements == 0 && (batch == 1 || batch_stride % elements == 0) &&
             reinterpret_cast<std::uintptr_t>(data) % (elements * sizeof(In)) == 0;
    };
    if (k_stride == 1 && k % piece == 0 && whole(piece, row_stride)) return direct_layout::along;
    if (row_stride == 1 && rows % slots == 0 && slots * sizeof(In) >= 2 &&
        whole(std::min<std::int64_t>(slots, piece), k_stride))
      return direct_layout::across;
    return direct_layout::anyhow;
  }
};

template <class In, int Slots, direct_layout Layout, reuse Reuse>
class direct_operand {
 public:
  static constexpr int piece = 16 / int{sizeof(In)};  // k of one lane in a chunk
  static constexpr int chunk = 4 * piece;             // k of a chunk
  static constexpr int rows = 8 * Slots;
  static constexpr bool is_across = Layout == direct_layout::across;

  /// Where the row that sums call `place` lies among these rows, and the other way round.
  static __device__ int place_of(int row) {
    return is_across ? row % Slots * 8 + row / Slots : row;
  }

  /// What one lane loads of a chunk, as it comes.
  struct packet {
    static constexpr int row_bytes = Slots * int{sizeof(In)};  // across: of one k
    static constexpr int bytes = !is_across || row_bytes > 16 ? 16 : row_bytes;
    static constexpr int per_k = row_bytes / bytes;  // across: loads
    static constexpr int loads = is_across ? piece * per_k : Slots;
    unsigned words[loads][bytes < 4 ? 1 : bytes / 4];

    /// Across: the word that holds a slot's element of the lane's i-th k.
    __device__ unsigned of(int i, int slot) const {
      constexpr int per_load = bytes / int{sizeof(In)}, per_word = 4 / int{sizeof(In)};
      return words[i * per_k + slot / per_load][slot % per_load / per_word];
    }
  };

  /// The rows from first_row on. Rows outside of the matrix repeat its last ones: their sums
  /// belong to nobody.
  __device__ direct_operand(const direct_matrix<In>& matrix, unsigned first_row, unsigned batch)
      : k_stride_(Layout == direct_layout::along ? 1 : matrix.k_stride) {
    const unsigned lane = threadIdx.x % 32, g = lane / 4, rows = unsigned(matrix.rows);
    const In* const data = matrix.data + batch * matrix.batch_stride;
    own_k_ = int(lane % 4) * piece;
    if constexpr (is_across) {
      row_[0] = data + min(first_row + g * Slots, rows - Slots) + own_k_ * k_stride_;
    } else {
#pragma unroll
      for (int slot = 0; slot < Slots; ++slot)
        row_[slot] =
            data + min(first_row + 8 * slot + g, rows - 1) * matrix.row_stride + own_k_ * k_stride_;
    }
  }

  /// Loads the chunk at k; what lies at k_end and beyond is zero.
  __device__ __forceinline__ void load(packet& to, int k, int k_end) const {
    if constexpr (Layout == direct_layout::along) {
#pragma unroll
      for (int slot = 0; slot < Slots; ++slot)
        load_or_zero<16, Reuse>(to.words[slot], row_[slot] + k, k + own_k_ < k_end);
    } else if constexpr (is_across) {
      const In* from = row_[0] + k * k_stride_;
#pragma unroll
      for (int i = 0; i < piece; ++i, from += k_stride_)
#pragma unroll
        for (int j = 0; j < packet::per_k; ++j)
          load_or_zero<packet::bytes, Reuse>(to.words[i * packet::per_k + j],
                                             from + j * (packet::bytes / int{sizeof(In)}),
                                             k + own_k_ + i < k_end);
    } else {
#pragma unroll
      for (int slot = 0; slot < Slots; ++slot) {
        In elements[piece];
#pragma unroll
        for (int i = 0; i < piece; ++i)
          elements[i] = k + own_k_ + i < k_end ? row_[slot][(k + i) * k_stride_] : In{};
        memcpy(to.words[slot], elements, 16);
      }
    }
  }

  /// Asks L2 for the chunk at k.
  __device__ __forceinline__ void prefetch(int k, int k_end) const {
    if constexpr (is_across) {
#pragma unroll
      for (int i = 0; i < piece; ++i)
        prefetch_to_l2(row_[0] + (k + i) * k_stride_, k + own_k_ + i < k_end);
    } else {
#pragma unroll
      for (int slot = 0; slot < Slots; ++slot)
        prefetch_to_l2(row_[slot] + k * k_stride_, k + own_k_ < k_end);
    }
  }

  /// Word `i` of 4 of a slot's row: 4 / sizeof(In) neighbours along k.
  static __device__ __forceinline__ unsigned word(const packet& from, int slot, int i) {
    if constexpr (!is_across) {
      return from.words[slot][i];
    } else if constexpr (sizeof(In) == 4) {
      return from.of(i, slot);
    } else if constexpr (sizeof(In) == 2) {
      return __byte_perm(from.of(2 * i, slot), from.of(2 * i + 1, slot),
                         slot % 2 == 0 ? 0x5410 : 0x7632);
    } else {
      const unsigned pick = unsigned(slot % 4) | unsigned(slot % 4 + 4) << 4;
      return __byte_perm(__byte_perm(from.of(4 * i, slot), from.of(4 * i + 1, slot), pick),
                         __byte_perm(from.of(4 * i + 2, slot), from.of(4 * i + 3, slot), pick),
                         0x5410);
    }
  }

 private:
  const In* row_[is_across ? 1 : Slots];
  std::int64_t k_stride_;
  int own_k_;
};

}  // namespace warpladder::gemm_tc::detail
