// SPDX-License-Identifier: Apache-2.0
//
// 16 tuned. Before: every rung is best somewhere. This one looks at the problem and takes:
//
//   few rows or columns         13, which reads the other operand once
//   little work                 14
//   everything else             9, 10 or 15 with one of their tiles, in pairs where that helps, or
//                               12: what takes least clocks
//   no wgmma for it             04
//   rows that do not begin on   with scratch for it a copy in rows that do, and then as above;
//   multiples of 16 bytes       else 02
//
// Idea: count clocks. Per 128 bytes of k, a tile of R x C is R * C / 32 clocks of products and
// (R + C) * 128 bytes that a multiprocessor takes from L2 at 64 per clock: tiles of 64 x 64 are
// bound by their bytes, those from 128 x 128 on by their products. A multiprocessor gets ceil(tiles
// / multiprocessors) of them. 10 adds 1500 clocks at the end of each tile, 3500 where C has 32
// bits, which 15 hides. At 8192^3 tiles of 128 x 192 take 21 waves of 2752 / 132 = 20.8, tiles
// of 128 x 256 16 of 15.5. The other constants are measured: docs/gemm_tensor_cores.md, worklog.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <warpladder/core/device.hpp>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/workspace.hpp>
#include <warpladder/gemm_tc/02_mma_sync.cuh>
#include <warpladder/gemm_tc/04_cp_async.cuh>
#include <warpladder/gemm_tc/09_multicast.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/12_split_k.cuh>
#include <warpladder/gemm_tc/13_skinny.cuh>
#include <warpladder/gemm_tc/14_small.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>
#include <warpladder/gemm_tc/detail/other_tiles.cuh>
#include <warpladder/gemm_tc/detail/realigned.cuh>

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
    tile_64x64,
    tile_64x128,
    tile_128x256,
    tile_192x192,
    multicast,
    pingpong_128x96,
    pingpong_128x128,
    pingpong_128x160,
    pingpong_128x176,
    pingpong_128x192,
    pingpong_160x128,
    pingpong_176x128,
    paired_32x64,
    paired_64x64,
    paired_96x64,
    paired_128x64,
    paired_160x64,
    paired_192x64
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
      case method::tile_64x64:
        return "10_tile_order, 64 x 64";
      case method::tile_64x128:
        return "10_tile_order, 64 x 128";
      case method::tile_128x256:
        return "10_tile_order, 128 x 256";
      case method::tile_192x192:
        return "10_tile_order, 192 x 192";
      case method::multicast:
        return "09_multicast";
      case method::pingpong_128x96:
        return "15_pingpong, 128 x 96";
      case method::pingpong_128x128:
        return "15_pingpong, 128 x 128";
      case method::pingpong_128x160:
        return "15_pingpong, 128 x 160";
      case method::pingpong_128x176:
        return "15_pingpong, 128 x 176";
      case method::pingpong_128x192:
        return "15_pingpong, 128 x 192";
      case method::pingpong_160x128:
        return "15_pingpong, 160 x 128";
      case method::pingpong_176x128:
        return "15_pingpong, 176 x 128";
      case method::paired_32x64:
        return "10_tile_order, pairs of 32 x 64";
      case method::paired_64x64:
        return "10_tile_order, pairs of 64 x 64";
      case method::paired_96x64:
        return "10_tile_order, pairs of 96 x 64";
      case method::paired_128x64:
        return "10_tile_order, pairs of 128 x 64";
      case method::paired_160x64:
        return "10_tile_order, pairs of 160 x 64";
      case method::paired_192x64:
        return "10_tile_order, pairs of 192 x 64";
    }
    return "?";
  }

  template <class Problem>
  static support supports(const Problem& p) {
    return mma_sync::supports(p);  // the one that takes everything
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem& p) {
    return pays_to_realign(p) ? realignment<Problem>(p, nullptr).bytes : 0;
  }

  /// What is copied into aligned rows before the method is chosen.
  template <class Problem>
  using realignment = detail::realignment<typename Problem::input>;
  template <class Problem>
  static realignment<Problem> realign(const Problem& p, workspace_view scratch) {
    const std::size_t bytes = workspace_bytes(p);
    return bytes == 0 || lacks(scratch, bytes) ? realignment<Problem>()
                                               : realignment<Problem>(p, scratch.data);
  }

  /// The method for a problem on a device.
  template <class Problem>
  static method choose(const Problem& p, const device_facts& device) {
    constexpr std::int64_t short_k_bytes = 2048;
    constexpr int input_bytes = sizeof(typename Problem::input);
    const bool has_warpgroups =
        device.compute_capability == 90 && bool(detail::supports_warpgroups(p));
    if (std::min(p.m, p.n) <= 16 && skinny::supports(p))
      return has_warpgroups && prefers_cut(p, device) ? method::split_k : method::skinny;
    if (is_little_work(p) && small::supports(p)) return method::small;
    if (has_warpgroups) return fewest_clocks(p, device);
    if (2 * tiles(p, 128, 128) <= device.multiprocessors &&
        p.depth() * input_bytes <= short_k_bytes && small::supports(p))
      return method::small;
    return cp_async::supports(p) ? method::cp_async : method::mma_sync;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& as_given, cudaStream_t stream, workspace_view scratch) {
    if (as_given.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const auto copies = realign(as_given, scratch);
    if (copies.bytes > 0) {
      if (const cudaError_t status = copies.launch(stream); status != cudaSuccess) return status;
    }
    const Problem p = copies.applied_to(as_given);
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
      case method::tile_64x64:
        return tile_64x64::launch(p, stream, scratch);
      case method::tile_64x128:
        return tile_64x128::launch(p, stream, scratch);
      case method::tile_128x256:
        return tile_order::launch(p, stream, scratch);
      case method::tile_192x192:
        return tile_192x192::launch(p, stream, scratch);
      case method::multicast:
        return multicast::launch(p, stream, scratch);
      case method::pingpong_128x96:
        return pingpong_128x96::launch(p, stream, scratch);
      case method::pingpong_128x128:
        return pingpong::launch(p, stream, scratch);
      case method::pingpong_128x160:
        return pingpong_128x160::launch(p, stream, scratch);
      case method::pingpong_128x176:
        return pingpong_128x176::launch(p, stream, scratch);
      case method::pingpong_128x192:
        return pingpong_128x192::launch(p, stream, scratch);
      case method::pingpong_160x128:
        return pingpong_160x128::launch(p, stream, scratch);
      case method::pingpong_176x128:
        return pingpong_176x128::launch(p, stream, scratch);
      case method::paired_32x64:
        return paired_32x64::launch(p, stream, scratch);
      case method::paired_64x64:
        return paired_64x64::launch(p, stream, scratch);
      case method::paired_96x64:
        return paired_96x64::launch(p, stream, scratch);
      case method::paired_128x64:
        return paired_128x64::launch(p, stream, scratch);
      case method::paired_160x64:
        return paired_160x64::launch(p, stream, scratch);
      case method::paired_192x64:
        return paired_192x64::launch(p, stream, scratch);
    }
    return cudaErrorInvalidValue;
  }

 private:
  template <class Problem>
  static bool is_little_work(const Problem& p) {
    // m, n and k are below 2^31: as double, for the product of four may be beyond int64.
    return double(p.m) * double(p.n) * double(p.batch) * double(p.depth()) *
               std::min<int>(sizeof(typename Problem::input), 2) <
           1 << 25;
  }

  /// A copied element of 16 bits takes 1.6 ps, and is used n (or m) times, each 0.028 ps longer by
  /// 02: from 60 on the copy pays.
  template <class Problem>
  static bool pays_to_realign(const Problem& p) {
    return std::min(p.m, p.n) >= 96 && !is_little_work(p);
  }

  template <class T>
  static int lines_per_row(const T* base, std::int64_t ld) {
    return reinterpret_cast<std::uintptr_t>(base) % 128 == 0 && ld * sizeof(T) % 128 == 0 ? 1 : 2;
  }

  template <class Problem>
  static std::int64_t tiles(const Problem& p, int rows, int cols) {
    return ceil_div<std::int64_t>(p.m, rows) * ceil_div<std::int64_t>(p.n, cols) * p.batch;
  }

  /// Few rows whose weights fill most of L2: measured, 12 reads them faster than 13 from 9 rows on,
  /// and 8-bit floats, which mma.sync converts before it multiplies, from 5 rows on.
  template <class Problem>
  static bool prefers_cut(const Problem& p, const device_facts& device) {
    constexpr bool is_fp8 =
        sizeof(typename Problem::input) == 1 && std::is_floating_point_v<typename Problem::scalar>;
    const double bytes = double(std::max(p.m, p.n)) * double(p.batch) * double(p.depth()) *
                         sizeof(typename Problem::input);
    return std::min(p.m, p.n) > (is_fp8 ? 4 : 8) && bytes > 0.4 * device.l2_bytes &&
           bytes <= device.l2_bytes && split_k::supports(p);
  }

  template <class Problem>
  static method fewest_clocks(const Problem& p, const device_facts& device) {
    const std::int64_t k_tiles =
        ceil_div<std::int64_t>(p.depth() * std::int64_t{sizeof(typename Problem::input)}, 128);
    const auto waves_of = [&](int rows, int cols) {
      return ceil_div<std::int64_t>(tiles(p, rows, cols), device.multiprocessors);
    };
    // The copy engine reads lines of 128 bytes. Where rows begin elsewhere it needs two for each.
    const int lines_a = lines_per_row(p.a, p.lda), lines_b = lines_per_row(p.b, p.ldb);
    const auto reading = [&](int rows, int cols) { return (rows * lines_a + cols * lines_b) * 2; };
    // A B that fills more than half of L2 comes slower by a third, unless all tiles of a column are
    // one cluster's: measured, see detail/other_tiles.cuh.
    const double b_bytes = double(p.k) * double(p.n) * sizeof(typename Problem::input);
    const bool b_fills_l2 = 2 * b_bytes > device.l2_bytes && b_bytes <= device.l2_bytes;
    const auto clocks_per_k_tile = [&](int rows, int cols, int cluster = 1) {
      const bool is_slow = b_fills_l2 && p.m > rows * cluster && waves_of(rows, cols) == 1;
      const int bytes = reading(rows, cols);
      return std::max(rows * cols / 32, is_slow ? bytes * 4 / 3 : bytes);
    };
    method best = method::tile_128x256;
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    const auto offer = [&](method which, std::int64_t clocks) {
      if (clocks < least) best = which, least = clocks;
    };
    const auto offer_tiles = [&](method which, int rows, int cols, int border, int cluster = 1) {
      offer(which,
            waves_of(rows, cols) * (k_tiles * clocks_per_k_tile(rows, cols, cluster) + border));
    };
    constexpr int border = sizeof(typename Problem::output) == 4 ? 3500 : 1500;
    offer_tiles(method::tile_128x256, 128, 256, border);
    offer_tiles(method::tile_192x192, 192, 192, border);
    if (lines_a + lines_b > 2)  // two blocks share what they read of B
      offer(method::multicast,
            ceil_div<std::int64_t>(tiles(p, 256, 256), device.multiprocessors / 2) *
                (k_tiles * std::max(128 * 256 / 32, reading(128, 128)) + border));
    // 15 stores its last tile only when nothing is left to multiply.
    constexpr int last_store = 500;
    const auto offer_turns = [&](method which, int rows, int cols, int percent, int cluster = 1) {
      offer(which, waves_of(rows, cols) * k_tiles * clocks_per_k_tile(rows, cols, cluster) *
                           percent / 100 +
                       last_store);
    };
    // Blocks drift apart, and no longer ask L2 for the same line at the same time. Narrow tiles
    // need that most: 128 x 128 takes 3% longer within two waves, and up to twice as long after
    // many.
    const bool few_waves = waves_of(128, 128) <= 2;
    // With one or two tiles of k all is storing, and 10 stages more at a time.
    const bool turns_pay = k_tiles > 2 || few_waves;
    if (turns_pay) offer_turns(method::pingpong_128x192, 128, 192, 100);
    if (p.trans_b == transpose::yes) {
      if (turns_pay) offer_turns(method::pingpong_128x176, 128, 176, 100);
      if (turns_pay) offer_turns(method::pingpong_128x160, 128, 160, 102);
      if (waves_of(128, 96) == 1) offer_turns(method::pingpong_128x96, 128, 96, 103);
    } else if (k_tiles >= 16 && pingpong_160x128::supports(p)) {  // stored in more passes
      offer_turns(method::pingpong_176x128, 176, 128, 100);
      offer_turns(method::pingpong_160x128, 160, 128, 102);
    }
    if (few_waves) offer_turns(method::pingpong_128x128, 128, 128, 103, 2);
    offer_tiles(method::tile_64x128, 64, 128, 1000, 2);
    if (k_tiles >= 8 && paired_32x64::supports(p)) {
      // Two blocks side by side take a B that fits into half of L2 at 85 bytes a clock. No tile
      // takes less than 200 clocks, and with one panel per buffer a tenth more: all measured.
      const auto offer_pairs = [&](method which, int rows, int percent) {
        if (p.m > 2 * rows) return;
        const int high = p.m > rows ? 2 : 1;  // tiles one above the other
        const int part = p.m % high == 0 ? int(p.m) / high : rows;
        const bool is_fast = high == 2 && 2 * b_bytes <= device.l2_bytes;
        const int bytes = is_fast ? reading(part, 64) * 3 / 4 : reading(part, 64);
        const int per_k_tile = std::max({200, rows * 64 / 32, bytes});
        const std::int64_t waves =
            ceil_div(high * ceil_div<std::int64_t>(p.n, 64), std::int64_t{device.multiprocessors});
        offer(which, waves * (k_tiles * per_k_tile * percent / 100 + 1000));
      };
      offer_pairs(method::paired_32x64, 32, 100);
      offer_pairs(method::paired_64x64, 64, 100);
      offer_pairs(method::paired_96x64, 96, 100);
      offer_pairs(method::paired_128x64, 128, 100);
      offer_pairs(method::paired_160x64, 160, 110);
      offer_pairs(method::paired_192x64, 192, 110);
    }
    offer_tiles(method::tile_64x64, 64, 64, 1000, 2);
    if (split_k::supports(p)) {
      const int blocks = split_k::blocks_per_tile(p, device), cols = split_k::block_y(p);
      const std::int64_t all = split_k::tiles(p) * blocks;
      const int reduction = blocks == 1 ? 2000 : 2 * all <= device.multiprocessors ? 5000 : 11500;
      if (all <= device.multiprocessors)
        offer(method::split_k, ceil_div<std::int64_t>(k_tiles, blocks) *
                                       std::max(64 * cols / 32, reading(64, cols)) +
                                   reduction);
    }
    return best;
  }
};

}  // namespace warpladder::gemm_tc
