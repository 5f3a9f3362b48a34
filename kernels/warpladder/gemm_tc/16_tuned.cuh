// SPDX-License-Identifier: Apache-2.0
//
// 16 tuned. Before: every rung is best somewhere. This one looks at the problem and takes:
//
//   few rows or columns         13, which reads the other operand once
//   few tiles of 128 x 128      14 if k is short, 12 if it is long
//   many tiles                  10 or 15: the tile whose last wave wastes least
//   what the copy engine or     04; what is not aligned to 16 bytes either: 02
//   wgmma do not take
//
// Idea: count clocks. A tile of R x C takes R * C / 32 clocks per 128 bytes of k, a multiprocessor
// gets ceil(tiles / multiprocessors) of them, and 10 adds ~1500 at the end of each, which 15 hides.
// At 8192^3 tiles of 128 x 192 take 21 waves of 2752 / 132 = 20.8, tiles of 128 x 256 16 of 15.5.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/02_mma_sync.cuh>
#include <warpladder/gemm_tc/04_cp_async.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/12_split_k.cuh>
#include <warpladder/gemm_tc/13_skinny.cuh>
#include <warpladder/gemm_tc/14_small.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>

namespace warpladder::gemm_tc {

struct tuned {
  static constexpr rung_info info{.step = 16,
                                  .name = "tuned",
                                  .idea = "the rung and the tile that suit the shape",
                                  .min_compute_capability = 80};

  enum class method {
    mma_sync,
    cp_async,
    skinny,
    small,
    split_k,
    wide_tile,
    pingpong,
    broad_pingpong
  };

  static constexpr std::string_view name_of(method m) {
    switch (m) {
      case method::mma_sync:
        return "02_mma_sync";
      case method::cp_async:
        return "04_cp_async";
      case method::skinny:
        return "13_skinny";
      case method::small:
        return "14_small";
      case method::split_k:
        return "12_split_k";
      case method::wide_tile:
        return "10_tile_order, 128 x 256";
      case method::pingpong:
        return "15_pingpong, 128 x 128";
      case method::broad_pingpong:
        return "15_pingpong, 128 x 192";
    }
    return "?";
  }

  template <class Problem>
  static support supports(const Problem& p) {
    return mma_sync::supports(p);  // the one that takes everything
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  /// The method for a problem on a device.
  template <class Problem>
  static method choose(const Problem& p, const device_facts& device) {
    constexpr int few_rows = 16;
    constexpr std::int64_t short_k_bytes = 2048;
    const std::int64_t k_bytes = p.depth() * std::int64_t{sizeof(typename Problem::input)};
    if (std::min(p.m, p.n) <= few_rows && skinny::supports(p)) return method::skinny;
    const auto tiles = [&](int rows, int cols) {
      return ceil_div<std::int64_t>(p.m, rows) * ceil_div<std::int64_t>(p.n, cols) * p.batch;
    };
    if (2 * tiles(128, 128) <= device.multiprocessors) {
      if (k_bytes <= short_k_bytes && small::supports(p)) return method::small;
      if (split_k::supports(p)) return method::split_k;
    }
    if (device.compute_capability == 90 && detail::supports_warpgroups(p)) {
      const auto clocks = [&](int rows, int cols, int border) {
        const std::int64_t waves =
            ceil_div<std::int64_t>(tiles(rows, cols), device.multiprocessors);
        return waves *
               (std::int64_t{rows} * cols / 32 * ceil_div<std::int64_t>(k_bytes, 128) + border);
      };
      const std::int64_t wide = clocks(128, 256, 1500), narrow = clocks(128, 128, 0);
      if (!takes_turns<Problem>) return method::wide_tile;
      if (clocks(128, 192, 0) < std::min(wide, narrow)) return method::broad_pingpong;
      return narrow < wide ? method::pingpong : method::wide_tile;
    }
    return cp_async::supports(p) ? method::cp_async : method::mma_sync;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view scratch) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    switch (choose(p, device)) {
      case method::mma_sync:
        return mma_sync::launch(p, stream, scratch);
      case method::cp_async:
        return cp_async::launch(p, stream, scratch);
      case method::skinny:
        return skinny::launch(p, stream, scratch);
      case method::small:
        return small::launch(p, stream, scratch);
      case method::split_k:
        return split_k::launch(p, stream, scratch);
      case method::wide_tile:
        return tile_order::launch(p, stream, scratch);
      case method::pingpong:
        return pingpong::launch(p, stream, scratch);
      case method::broad_pingpong:
        if constexpr (takes_turns<Problem>)
          return launch_pingpong<pingpong_tuning<192>, banded_order<16>>(p, stream);
    }
    return cudaErrorInvalidValue;
  }

 private:
  /// With outputs of 32 bits 15 was slower than 10 while threads stored them from registers. They
  /// go through the copy engine now; until that is measured, 10 keeps them.
  template <class Problem>
  static constexpr bool takes_turns = sizeof(typename Problem::output) == 2;
};

}  // namespace warpladder::gemm_tc
