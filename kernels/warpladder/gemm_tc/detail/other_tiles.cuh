// SPDX-License-Identifier: Apache-2.0
//
// 10 and 15 with other tiles, as rungs, for 16 to choose from and for the tests. 64 rows take one
// consumer; the ring is as deep as there is room for.
//
// Narrow tiles wait for L2, and those in clusters of two wait less, though each block brings its
// own operands: 128 x 4096 x 4096 with 64 x 64 took 13.4 to 14.2 us alone, 11.2 in clusters. It
// helps where weights fill more than half of L2 (with half of the columns: 9.3 and 9.2 us) and
// where all that read the same columns are in one cluster. A guess that fits: L2 has two halves,
// and a line that is read from both sides lies in both.
#pragma once

#include <cstdint>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>
#include <warpladder/gemm_tc/detail/turned_store.cuh>

namespace warpladder::gemm_tc {

/// 64 rows. Such a tile is multiplied in less time than producer and consumer take to meet: with
/// long k they meet once per two panels, and where k is short the first panel counts. Stages:
/// buffers of two panels; those of one are one less than twice as many, to leave room for barriers.
template <int BlockN, int Stages>
struct tile_64_rows : tile_order {
  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    using one_panel = persistent_tuning<BlockN, 2 * Stages - 1, 1>;
    using two_panels = persistent_tuning<BlockN, Stages, 1, 2>;
    const std::int64_t k_bytes = p.depth() * std::int64_t{sizeof(typename Problem::input)};
    return k_bytes >= 1024 ? launch_persistent<two_panels, banded_order<16>>(p, stream, 2)
                           : launch_persistent<one_panel, banded_order<16>>(p, stream, 2);
  }
};

struct tile_64x64 : tile_64_rows<64, 6> {
  static constexpr rung_info info{.step = 10,
                                  .name = "tile_64x64",
                                  .idea = "10 for few tiles and short k",
                                  .min_compute_capability = 90};
};

struct tile_64x128 : tile_64_rows<128, 4> {
  static constexpr rung_info info{
      .step = 10, .name = "tile_64x128", .idea = "10 for a few more", .min_compute_capability = 90};
};

struct tile_192x192 : tile_order {
  static constexpr rung_info info{.step = 10,
                                  .name = "tile_192x192",
                                  .idea = "10 with three consumers: a ninth more per tile",
                                  .min_compute_capability = 90};

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<persistent_tuning<192, 4, 3>, banded_order<16>>(p, stream);
  }
};

/// Tiles of B begin at any multiple of 16 columns: rows of a row-major B would straddle lines of
/// 128 bytes, which takes twice as long.
template <int BlockN>
struct pingpong_odd : pingpong {
  template <class Problem>
  static support supports(const Problem& p) {
    if (p.trans_b == transpose::no) return {"its tiles need B with k contiguous"};
    return pingpong::supports(p);
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_pingpong<pingpong_tuning<BlockN>, banded_order<16>>(p, stream);
  }
};

struct pingpong_128x96 : pingpong_odd<96> {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_128x96",
                                  .idea = "15 where wider tiles do not fill one wave",
                                  .min_compute_capability = 90};
};

struct pingpong_128x160 : pingpong_odd<160> {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_128x160",
                                  .idea = "15 where wider tiles leave the last wave empty",
                                  .min_compute_capability = 90};
};

struct pingpong_128x176 : pingpong_odd<176> {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_128x176",
                                  .idea = "15 where wider tiles leave the last wave half empty",
                                  .min_compute_capability = 90};
};

/// The product turned around: C^T = B^T A^T. Only where A has k contiguous.
template <class Problem>
Problem turned(const Problem& p) {
  Problem q = p;
  q.m = p.n, q.n = p.m;
  q.a = p.b, q.lda = p.ldb, q.stride_a = p.stride_b;
  q.b = p.a, q.ldb = p.lda, q.stride_b = p.stride_a;
  q.trans_a = p.trans_b == transpose::no ? transpose::yes : transpose::no;
  q.trans_b = transpose::yes;
  return q;
}

template <class Problem>
support supports_turned(const Problem& p) {
  if (p.trans_a == transpose::yes) return {"its tiles need A with k contiguous"};
  if (!p.is_empty() && !detail::turned_store<128, Problem>::can_engine(turned(p)))
    return {"needs a C that the copy engine can write: plain, 16-byte alignment and rows"};
  return detail::supports_warpgroups(p);
}

/// For a row-major B: the odd extent runs along the rows of A, which have k contiguous and may
/// begin anywhere, and 128 columns of B begin on lines.
template <int BlockN>
struct turned_tuning : pingpong_tuning<BlockN> {
  template <class Problem>
  using staging = detail::turned_store<BlockN, Problem>;

  static constexpr bool takes(operand_major a, operand_major b) {
    return a == operand_major::outer && b == operand_major::k;
  }
};

template <int BlockM>
struct pingpong_turned : pingpong {
  template <class Problem>
  static support supports(const Problem& p) {
    if (p.trans_b == transpose::yes) return {"its tiles need a row-major B"};
    return supports_turned(p);
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_pingpong<turned_tuning<BlockM>, banded_order<16>>(turned(p), stream);
  }
};

/// For up to 2 * BlockM rows: tiles of BlockM rows and 64 columns, turned around. The two tiles of
/// the same columns are a cluster: each needs rows of A for itself, and both the same lines of B,
/// which are most of what is read.
template <int BlockM, int Stages, int Panels>
struct paired_tuning : persistent_tuning<BlockM, Stages, 1, Panels> {
  template <class Problem>
  using staging = detail::turned_store<BlockM, Problem>;

  static constexpr bool takes(operand_major /*a*/, operand_major b) {
    return b == operand_major::k;
  }
};

/// Tiles that lie one above the other in C, and those of the same place in all products, follow
/// each other.
struct paired_order : row_order {
  static constexpr bool for_all_products = true;
};

template <int BlockM, int Stages, int Panels>
struct paired : tile_order {
  template <class Problem>
  static support supports(const Problem& p) {
    if (p.batch > 1) return {"takes no batches"};
    return supports_turned(p);
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<paired_tuning<BlockM, Stages, Panels>, paired_order>(
        turned(in_halves(p)), stream, 2);
  }

 private:
  /// Rows that fill two tiles unevenly as two products of half as many, with the same B: blocks
  /// that bring equally much keep step (48 x 4096 x 4096: 9.7 us instead of 11).
  template <class Problem>
  static Problem in_halves(const Problem& p) {
    if (p.m % 2 != 0 || p.m <= BlockM || p.m >= 2 * BlockM) return p;
    Problem halves = p;
    halves.m = p.m / 2, halves.batch = 2;
    halves.stride_a = halves.m * p.lda, halves.stride_b = 0, halves.stride_c = halves.m * p.ldc;
    return halves;
  }
};

struct paired_32x64 : paired<32, 8, 2> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_32x64",
                                  .idea = "10 for two blocks that read the same weights",
                                  .min_compute_capability = 90};
};

struct paired_64x64 : paired<64, 6, 2> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_64x64",
                                  .idea = "10, paired, up to 128 rows",
                                  .min_compute_capability = 90};
};

struct paired_96x64 : paired<96, 5, 2> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_96x64",
                                  .idea = "10, paired, up to 192 rows",
                                  .min_compute_capability = 90};
};

struct paired_128x64 : paired<128, 4, 2> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_128x64",
                                  .idea = "10, paired, up to 256 rows",
                                  .min_compute_capability = 90};
};

struct paired_160x64 : paired<160, 7, 1> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_160x64",
                                  .idea = "10, paired, up to 320 rows",
                                  .min_compute_capability = 90};
};

struct paired_192x64 : paired<192, 6, 1> {
  static constexpr rung_info info{.step = 10,
                                  .name = "paired_192x64",
                                  .idea = "10, paired, up to 384 rows",
                                  .min_compute_capability = 90};
};

struct pingpong_160x128 : pingpong_turned<160> {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_160x128",
                                  .idea = "15, turned around, where B is row-major",
                                  .min_compute_capability = 90};
};

struct pingpong_176x128 : pingpong_turned<176> {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_176x128",
                                  .idea = "15, turned around, with a tenth more per tile",
                                  .min_compute_capability = 90};
};

struct pingpong_128x192 : pingpong {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong_128x192",
                                  .idea = "15 with the widest tile that it can hold",
                                  .min_compute_capability = 90};

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_pingpong<pingpong_tuning<192>, banded_order<16>>(p, stream);
  }
};

}  // namespace warpladder::gemm_tc
