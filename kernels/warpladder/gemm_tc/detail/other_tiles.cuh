// SPDX-License-Identifier: Apache-2.0
//
// 10 and 15 with other tiles, as rungs, for 16 to choose from and for the tests. 64 rows take one
// consumer; the ring is as deep as there is room for.
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
    return k_bytes >= 1024 ? launch_persistent<two_panels, banded_order<16>>(p, stream)
                           : launch_persistent<one_panel, banded_order<16>>(p, stream);
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

/// The product turned around, C^T = B^T A^T, for a row-major B: the odd extent runs along the rows
/// of A, which have k contiguous and may begin anywhere, and 128 columns of B begin on lines.
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
    if (p.trans_a == transpose::yes || p.trans_b == transpose::yes)
      return {"its tiles need row-major A and B"};
    if (!p.is_empty() && !detail::turned_store<BlockM, Problem>::can_engine(turned(p)))
      return {"needs a C that the copy engine can write: plain, 16-byte alignment and rows"};
    return pingpong::supports(p);
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_pingpong<turned_tuning<BlockM>, banded_order<16>>(turned(p), stream);
  }

 private:
  template <class Problem>
  static Problem turned(const Problem& p) {
    Problem q = p;
    q.m = p.n, q.n = p.m;
    q.a = p.b, q.lda = p.ldb, q.stride_a = p.stride_b;
    q.b = p.a, q.ldb = p.lda, q.stride_b = p.stride_a;
    q.trans_a = q.trans_b = transpose::yes;
    return q;
  }
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
