// SPDX-License-Identifier: Apache-2.0
//
// One operand's tiles in the rungs from 05 wgmma on: Extent rows of op(A), or columns of op(B),
// times 128 bytes along k (64 values of 16 bits), brought by the copy engine into the layout that
// wgmma reads. A tile is aligned to 1024 bytes.
//
//   Major k:      boxes of 64 rows of 128 bytes (or halves of Extent: less than 64 rows take the
//                 engine about as long, some 85 clocks).
//   Major outer:  boxes of 64 values of k, rows of 128 bytes along m (or n).
//
// What lies outside of the matrix is multiplied, but never stored: any numbers will do. A box that
// lies there as a whole asks for the matrix's first rows instead, because the engine takes about
// three times as long to make up rows of zeros as to bring rows from L2.
#pragma once

#include <cstdint>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warpgroup_mma.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

template <class In, int Extent, operand_major Major>
struct warpgroup_operand {
  static constexpr int depth = 128 / int(sizeof(In));  // k per tile
  static constexpr int k_steps = depth / warpgroup_mma_k<In>;
  static constexpr bool is_k_major = Major == operand_major::k;
  static constexpr int bytes = Extent * 128;
  static constexpr int box =  // rows or columns of it
      Extent % 64 == 0 ? 64
      : Extent > 64    ? Extent / 2
                       : Extent;
  static_assert(box % 8 == 0 && Extent % box == 0 && (is_k_major || box == 64));

  /// The operand of step `k_step` of a tile, from row (or column) `outer` on, a multiple of 64.
  static __device__ __forceinline__ matrix_descriptor at(const void* tile, int outer, int k_step) {
    const auto* const start = static_cast<const unsigned char*>(tile);
    // 64 rows of 128 bytes, or one chunk of 64 columns: either way outer * 128 bytes.
    return matrix_descriptor(start + outer * 128, depth * 128)
        .advanced(is_k_major ? k_step * 32 : k_step * warpgroup_mma_k<In> * 128);
  }

  /// Starts the copies of the tile from row (column) `outer` of `extent` on; called by one thread.
  static __device__ __forceinline__ void request(void* tile, const tensor_map& map, int outer,
                                                 std::int64_t extent, int k, int matrix,
                                                 transaction_barrier& landed) {
#pragma unroll
    for (int part = 0; part < Extent; part += box) {
      const int first = outer + part < extent ? outer + part : 0;
      tensor_copy(static_cast<unsigned char*>(tile) + part * 128, map, is_k_major ? first : k,
                  is_k_major ? k : first, landed, matrix);
    }
  }

  /// Block `rank` of a cluster of Blocks brings its share of a tile to all of them.
  template <int Blocks>
  static __device__ __forceinline__ void request_for_cluster(void* tile, const tensor_map& map,
                                                             int outer, std::int64_t extent, int k,
                                                             int matrix,
                                                             transaction_barrier& landed,
                                                             int rank) {
    constexpr int share = Extent / Blocks;
    constexpr unsigned everybody = (1u << Blocks) - 1;
    static_assert(share % box == 0);
#pragma unroll
    for (int part = 0; part < share; part += box) {
      const int at = rank * share + part, first = outer + at < extent ? outer + at : 0;
      tensor_copy_multicast(static_cast<unsigned char*>(tile) + at * 128, map,
                            is_k_major ? first : k, is_k_major ? k : first, landed, everybody,
                            matrix);
    }
  }

  /// `outer` rows (or columns) of k values.
  static cudaError_t make_map(tensor_map& map, const In* base, std::int64_t outer, std::int64_t k,
                              std::int64_t ld, std::int64_t batch, std::int64_t stride) {
    const std::int64_t matrices = stride == 0 ? 1 : batch;
    if (matrices == 1) stride = 0;
    return is_k_major
               ? make_tensor_map<In>(map, {base, outer, k, ld, box, depth, true, matrices, stride})
               : make_tensor_map<In>(map, {base, k, outer, ld, depth, box, true, matrices, stride});
  }
};

/// The maps of both operands; without products to sum there is nothing to map.
template <class TileA, class TileB, class Problem>
cudaError_t make_operand_maps(tensor_map& map_a, tensor_map& map_b, const Problem& p) {
  if (p.depth() == 0) return cudaSuccess;
  const cudaError_t status = TileA::make_map(map_a, p.a, p.m, p.k, p.lda, p.batch, p.stride_a);
  if (status != cudaSuccess) return status;
  return TileB::make_map(map_b, p.b, p.n, p.k, p.ldb, p.batch, p.stride_b);
}

/// Why wgmma and the copy engine cannot take a problem, or an empty answer.
template <class Problem>
support supports_warpgroups(const Problem& p) {
  using input = typename Problem::input;
  if (p.is_empty()) return {};
  if (!warpgroup_mma_available()) return {"needs code for sm_90a and a GPU of that kind"};
  // Tiles are counted by ints, some of them beyond the last one.
  if (ceil_div<std::int64_t>(p.m, 128) * ceil_div<std::int64_t>(p.n, 64) * p.batch > 1 << 30)
    return {"C has more than 2^30 tiles"};
  if (p.depth() == 0) return {};
  if (!can_tensor_map(p.a, p.lda, p.batch > 1 ? p.stride_a : 0) ||
      !can_tensor_map(p.b, p.ldb, p.batch > 1 ? p.stride_b : 0))
    return {"a, b need 16-byte alignment, and so do their rows"};
  if (sizeof(input) != 2 && (p.trans_a == transpose::yes || p.trans_b == transpose::no))
    return {"wgmma takes A and B of this type only with k contiguous: trans_a no, trans_b yes"};
  return {};
}

/// Calls launch.template operator()<MajorA, MajorB>() for the problem's layouts.
template <class Problem, class Launch>
cudaError_t with_majors(const Problem& p, const Launch& launch) {
  using enum operand_major;
  if constexpr (sizeof(typename Problem::input) == 2) {
    if (p.trans_a == transpose::no)
      return p.trans_b == transpose::yes ? launch.template operator()<k, k>()
                                         : launch.template operator()<k, outer>();
    return p.trans_b == transpose::yes ? launch.template operator()<outer, k>()
                                       : launch.template operator()<outer, outer>();
  } else {
    return launch.template operator()<k, k>();
  }
}

}  // namespace warpladder::gemm_tc::detail
