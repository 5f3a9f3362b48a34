// SPDX-License-Identifier: Apache-2.0
//
// 10 and 15 with other tiles, as rungs, for 16 to choose from and for the tests. 64 rows take one
// consumer; the ring is as deep as there is room for.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>

namespace warpladder::gemm_tc {

struct tile_64x64 : tile_order {
  static constexpr rung_info info{.step = 10,
                                  .name = "tile_64x64",
                                  .idea = "10 for few tiles and short k",
                                  .min_compute_capability = 90};

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<persistent_tuning<64, 12, 1>, banded_order<16>>(p, stream);
  }
};

struct tile_64x128 : tile_order {
  static constexpr rung_info info{
      .step = 10, .name = "tile_64x128", .idea = "10 for a few more", .min_compute_capability = 90};

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<persistent_tuning<128, 7, 1>, banded_order<16>>(p, stream);
  }
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
