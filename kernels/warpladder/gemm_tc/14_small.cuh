// SPDX-License-Identifier: Apache-2.0
//
// 14 small. Before: a product of 16 to 512 rows and columns is a chain of latencies. A kernel made
// for large tiles gives 256 x 256 x 256 to four blocks, and walks k with a barrier per step.
//
// Idea: rung 13's way with tiles in both directions. A tile is so small that 64 to 132 blocks have
// work, and the warps of a block slice k so finely that a warp has all or most of its loads in
// flight at once: one trip to memory, a few mma, one barrier, one sum. And because the launch is
// longer than the work, the kernel may be set up while the one before it still runs
// (core/dependent_launch.cuh).
//
// Latency, 128 x 128 x 128 on an H100: a graph node that is set up in time 0.3 us, else 0.8; a trip
// to L2 0.3 to 0.6 us, paid once; 4 mma of 33 clocks that wait for each other 0.1 us; barrier, sum
// and store 0.3 us. 256 x 256 x 256: 64 tiles of 32 x 32 and 8 slices; 32 KiB for each SM at 24
// bytes per clock add 0.7 us.
// Layouts: 16-byte loads along k, loads of the tile's width across; what is not aligned, or has
// ragged ends, is loaded element by element by the same kernel.
// Limited by: reading each operand once per tile: at 512, 96 KiB per SM -> tiles that share, 04.
#pragma once

#include <warpladder/gemm_tc/13_skinny.cuh>

namespace warpladder::gemm_tc {

struct small {
  static constexpr rung_info info{.step = 14,
                                  .name = "small",
                                  .idea = "one trip to memory: small tiles, k sliced finely",
                                  .min_compute_capability = 80};

  template <class Problem>
  static support supports(const Problem& p) {
    if (ceil_div<std::int64_t>(std::max(p.m, p.n), 16) > 65535) return {"m or n exceeds grid.y"};
    if (p.batch > 65535) return {"batch exceeds grid.z"};
    if (p.k > 1 << 30) return {"k exceeds 2^30"};
    return {};
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const auto tiles = [&](int rows, int cols) {
      return ceil_div<std::int64_t>(p.m, rows) * ceil_div<std::int64_t>(p.n, cols) * p.batch;
    };
    // The smallest tiles of which one or two blocks per multiprocessor are enough; each of the four
    // slices of the first has all of its loads in flight at once.
    const auto k_bytes = p.depth() * std::int64_t{sizeof(typename Problem::input)};
    if (tiles(8, 16) <= 160 && k_bytes <= 512)
      return launch_tuned<direct_tuning<1, 1, 2, 1, 4, 4>>(p, stream);
    if (tiles(16, 16) <= 264) return launch_tuned<direct_tuning<1, 2, 1, 1, 8, 2>>(p, stream);
    if (tiles(32, 32) <= 264) return launch_tuned<direct_tuning<2, 4, 1, 1, 8, 2>>(p, stream);
    return launch_tuned<direct_tuning<2, 4, 1, 2, 8, 1>>(p, stream);
  }

  /// Any layout with the tiles of `Tuning`, if it can be read so.
  template <class Tuning, class Problem>
  static cudaError_t launch_tuned(const Problem& p, cudaStream_t stream) {
    using enum detail::direct_layout;
    // B is the 16-row operand, unless A alone lies across.
    const direct_view<typename Problem::input> v(
        p, p.trans_a == transpose::yes && p.trans_b == transpose::yes);
    const auto x = v.x.layout(p.depth(), 2 * Tuning::strips, p.batch);
    const auto y = v.y.layout(p.depth(), Tuning::groups, p.batch);
    if (x == along && y == along) return detail::launch_direct<Tuning, along, along>(p, v, stream);
    if (x == across && y == along)
      return detail::launch_direct<Tuning, across, along>(p, v, stream);
    if constexpr (Tuning::groups * sizeof(typename Problem::input) >= 2) {
      if (x == across && y == across)
        return detail::launch_direct<Tuning, across, across>(p, v, stream);
    }
    return detail::launch_direct<direct_tuning<1, 2, 1, 1, 4, 2>, anyhow, anyhow>(p, v, stream);
  }
};

}  // namespace warpladder::gemm_tc
