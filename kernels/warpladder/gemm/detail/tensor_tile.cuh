// SPDX-License-Identifier: Apache-2.0
//
// One operand's way into shared memory in 12 tensor_copy: k-major tiles of Depth x Width, two of
// them in turn. An operand whose rows run along the tile's width is copied straight into them. One
// that is contiguous along k (Turn) is copied into a raw tile, Width rows of Depth in boxes of 32
// k, and turned by the threads while they work on the tile before: a quarter warp reads one piece
// of 8 consecutive rows, which the swizzle has spread over all banks, and a warp writes 32
// consecutive floats of a k row. Neither side has a bank conflict.
#pragma once

#include <cstdint>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/gemm/detail/float4.cuh>

namespace warpladder::gemm::detail {

template <int Threads, int Depth, int Width, bool Turn>
class tensor_tile {
 public:
  static constexpr int size = Width * Depth;
  static constexpr int shared_floats = (Turn ? 3 : 2) * size;

  /// `shared` is aligned to 1024 bytes and holds shared_floats.
  __device__ explicit tensor_tile(float* shared) : shared_(shared) {
    if constexpr (Turn) {
      const int row = threadIdx.x % Width, piece = threadIdx.x / Width;
#pragma unroll
      for (int i = 0; i < pieces; ++i) {
        const int p = piece + piece_step(i), r = row + row_step(i);
        source_[i] = p / 8 * box_size + r * box_depth + (p % 8 ^ r % 8) * 4;
      }
      target_ = piece * 4 * Width + row;
    }
  }

  __device__ float* k_major(int tile) const {
    return shared_ + (Turn ? size : 0) + tile % 2 * size;
  }

  /// Starts the copies of the `tile`-th tile: k.. of rows of op(A), or columns of op(B), from first
  /// on.
  __device__ void request(const tensor_map& map, int first, int k, int tile,
                          transaction_barrier& landed) const {
    if constexpr (Turn) {
      for (int box = 0; box < Depth / box_depth; ++box)
        tensor_copy(shared_ + box * box_size, map, first, k + box * box_depth, landed);
    } else {
      tensor_copy(k_major(tile), map, k, first, landed);
    }
  }

  /// Turns a raw tile that has landed; nothing to do without Turn.
  __device__ __forceinline__ void turn(int tile) const {
    if constexpr (Turn) {
      float* const target = k_major(tile) + target_;
#pragma unroll
      for (int i = 0; i < pieces; ++i) {
        const float4 piece = as_float4(&shared_[source_[i]]);
        float* const column = target + piece_step(i) * 4 * Width + row_step(i);
        column[0 * Width] = piece.x;
        column[1 * Width] = piece.y;
        column[2 * Width] = piece.z;
        column[3 * Width] = piece.w;
      }
    }
  }

  /// The map of an operand whose tiles are `width` rows (or columns) of the `k` long product.
  static cudaError_t make_map(tensor_map& map, const float* base, std::int64_t width,
                              std::int64_t k, std::int64_t ld) {
    return Turn ? make_tensor_map<float>(map, {base, width, k, ld, Width, box_depth, true})
                : make_tensor_map<float>(map, {base, k, width, ld, Depth, Width, false});
  }

 private:
  static constexpr int box_depth = 32,
                       box_size = Width * box_depth;  // 128 bytes: the swizzle's span
  static constexpr int pieces = Turn ? Width * (Depth / 4) / Threads : 1;  // float4 per thread
  static_assert(Depth % box_depth == 0 && Width <= 256 && Depth <= 256);
  static_assert(!Turn || Threads % Width == 0 || Width % Threads == 0);

  __device__ static constexpr int row_step(int i) {
    return Width > Threads ? i * Threads % Width : 0;
  }
  __device__ static constexpr int piece_step(int i) {
    return i * Threads / Width;
  }

  float* shared_;
  int source_[pieces];
  int target_;
};

}  // namespace warpladder::gemm::detail
