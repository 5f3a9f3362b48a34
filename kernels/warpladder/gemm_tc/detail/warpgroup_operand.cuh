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
// Nothing is asked for that lies outside of the matrix, as the engine takes about three times as
// long to make up rows of zeros as to bring rows from L2: boxes outside are left out, and the last
// box of Major k has a map of its own, with just the rows that are there. What a tile holds in
// their place is multiplied, but never stored: any numbers will do.
#pragma once

#include <cstdint>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warpgroup_mma.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// An operand for the copy engine: its boxes, and the last one if that is smaller.
struct operand_map {
  tensor_map box, last;
  bool has_panels;  ///< a box is Panels of 128 bytes along k, which the map counts as matrices
};

__device__ __forceinline__ void prefetch_operand(const operand_map& map) {
  prefetch_tensor_map(map.box), prefetch_tensor_map(map.last);
}

/// Panels: a tile has so many times 128 bytes along k.
template <class In, int Extent, operand_major Major, int Panels = 1>
struct warpgroup_operand {
  static constexpr int panel = 128 / int(sizeof(In)), depth = Panels * panel;  // k per tile
  static constexpr int k_steps = depth / warpgroup_mma_k<In>;
  static constexpr bool is_k_major = Major == operand_major::k;
  static constexpr int bytes = Extent * 128 * Panels;
  static constexpr int box =  // rows or columns of it
      Extent % 64 == 0 && (Panels == 1 || !is_k_major) ? 64
      : Extent > 64 && Panels == 1                     ? Extent / 2
                                                       : Extent;
  static_assert(box % 8 == 0 && Extent % box == 0 && (is_k_major || box == 64));

  /// The operand of step `k_step` of a tile, from row (or column) `outer` on, a multiple of 64.
  static __device__ __forceinline__ matrix_descriptor at(const void* tile, int outer, int k_step) {
    const auto* const start = static_cast<const unsigned char*>(tile);
    constexpr int steps = k_steps / Panels;  // of a panel
    if constexpr (is_k_major)
      return matrix_descriptor(start + (k_step / steps * Extent + outer) * 128, panel * 128)
          .advanced(k_step % steps * 32);
    else  // a chunk of 64 columns has a row of 128 bytes for each k
      return matrix_descriptor(start + outer / 64 * depth * 128, depth * 128)
          .advanced(k_step * warpgroup_mma_k<In> * 128);
  }

  /// What request() brings of a tile from row (column) `outer` of `extent` on.
  static __device__ __forceinline__ unsigned bytes_inside(int outer, std::int64_t extent) {
    const int inside = int(min(std::int64_t{Extent}, max(std::int64_t{0}, extent - outer)));
    return unsigned(is_k_major ? inside : int(round_up(inside, box))) * 128 * Panels;
  }

  /// Starts the copies of a tile; called by one thread. `outer` is a multiple of Extent.
  static __device__ __forceinline__ void request(void* tile, const operand_map& map, int outer,
                                                 std::int64_t extent, int k, int matrix,
                                                 transaction_barrier& landed) {
#pragma unroll
    for (int part = 0; part < Extent; part += box) {
      if (part >= extent - outer) continue;
      auto* const to = static_cast<unsigned char*>(tile) + part * 128 * (is_k_major ? 1 : Panels);
      const bool is_whole = part + box <= extent - outer;
      const tensor_map& one = is_whole ? map.box : map.last;
      if constexpr (!is_k_major) {
        tensor_copy(to, one, k, outer + part, landed, matrix);
      } else if (Panels > 1 && is_whole && map.has_panels) {
        tensor_copy(to, one, outer + part, 0, landed, k / panel);
      } else {
#pragma unroll
        for (int i = 0; i < Panels; ++i)
          tensor_copy(to + i * Extent * 128, one, outer + part, k + i * panel, landed, matrix);
      }
    }
  }

  /// Block `rank` of a cluster of Blocks brings its share of a tile to all of them.
  template <int Blocks>
  static __device__ __forceinline__ void request_for_cluster(void* tile, const operand_map& map,
                                                             int outer, std::int64_t extent, int k,
                                                             int matrix,
                                                             transaction_barrier& landed,
                                                             int rank) {
    constexpr int share = Extent / Blocks;
    constexpr unsigned everybody = (1u << Blocks) - 1;
    static_assert(share % box == 0 && Panels == 1);
#pragma unroll
    for (int part = 0; part < share; part += box) {
      const int at = rank * share + part;
      if (at < extent - outer)
        tensor_copy_multicast(static_cast<unsigned char*>(tile) + at * 128,
                              at + box <= extent - outer ? map.box : map.last,
                              is_k_major ? outer + at : k, is_k_major ? k : outer + at, landed,
                              everybody, matrix);
    }
  }

  /// `outer` rows (or columns) of k values.
  static cudaError_t make_map(operand_map& map, const In* base, std::int64_t outer, std::int64_t k,
                              std::int64_t ld, std::int64_t batch, std::int64_t stride) {
    const std::int64_t matrices = stride == 0 ? 1 : batch;
    if (matrices == 1) stride = 0;
    const auto make_k_major = [&](tensor_map& one, int rows) {
      return make_tensor_map<In>(one, {base, outer, k, ld, rows, panel, true, matrices, stride});
    };
    // Two lines of 128 bytes that follow each other come sooner by one request than by two.
    map.has_panels = is_k_major && Panels > 1 && matrices == 1 && k % panel == 0;
    cudaError_t status =
        !is_k_major
            ? make_tensor_map<In>(map.box, {base, k, outer, ld, depth, box, true, matrices, stride})
        : map.has_panels ? make_tensor_map<In>(map.box, {base, outer, panel, ld, box, panel, true,
                                                         k / panel, panel, Panels})
                         : make_k_major(map.box, box);
    map.last = map.box;  // also of Major outer: columns outside cost nothing
    if (status == cudaSuccess && is_k_major && outer % box != 0)
      status = make_k_major(map.last, int(outer % box));
    return status;
  }
};

/// The maps of both operands; without products to sum there is nothing to map.
template <class TileA, class TileB, class Problem>
cudaError_t make_operand_maps(operand_map& map_a, operand_map& map_b, const Problem& p) {
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
