// SPDX-License-Identifier: Apache-2.0
//
// Grouped products on GPUs without wgmma, and in the layouts that wgmma does not take: the tile of
// 04, one block for each that there may be. A block finds its group by itself and ends at once if
// there are fewer tiles; a walk over 256 groups takes 2 us, a tile of k = 4096 on an A100 50. A
// tile of a group's few last rows is multiplied whole.
#pragma once

#include <cstdint>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/04_cp_async.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/detail/group_walk.cuh>
#include <warpladder/gemm_tc/grouped_problem.hpp>

namespace warpladder::gemm_tc {

template <class Problem, class Tuning, bool BAlongK>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    grouped_cp_async_kernel(Problem p) {
  using walk = detail::group_walk<Tuning::block_m>;
  const int cols = int(ceil_div<std::int64_t>(p.n, Tuning::block_n));
  typename walk::place in;
  if (!walk(p, cols).find(int(blockIdx.x), in)) return;
  const int2 at = banded_order<16>::place(in.tile, in.tiles_down, cols);
  cp_async_tile<Tuning, true, BAlongK>(p.of_group(in.group, in.end_row),
                                       std::int64_t{in.first_row} + at.y * Tuning::block_m,
                                       std::int64_t{at.x} * Tuning::block_n, 0);
}

struct grouped_cp_async {
  static constexpr rung_info info{.step = 4,
                                  .name = "grouped_cp_async",
                                  .idea = "04 over the tiles of all groups, counted on the device",
                                  .min_compute_capability = 80};
  using tuning = cp_async_tuning;

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.is_empty()) return {};
    if (p.depth() > 0 && !detail::has_aligned_rows(p.a, p.lda, 0))
      return {"a and its rows must be aligned to 16 bytes"};
    if (p.depth() > 0 && !detail::has_aligned_rows(p.b, p.ldb, p.stride_b))
      return {"b, its rows and its matrices must be aligned to 16 bytes"};
    return detail::fits_walk(p, tuning::block_m, tuning::block_n);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    return p.trans_b == transpose::yes ? launch_with<true>(p, stream)
                                       : launch_with<false>(p, stream);
  }

 private:
  template <bool BAlongK, class Problem>
  static cudaError_t launch_with(const Problem& p, cudaStream_t stream) {
    const std::int64_t tiles = detail::most_tiles(p, tuning::block_m, tuning::block_n);
    return warpladder::launch_kernel(
        grouped_cp_async_kernel<Problem, tuning, BAlongK>,
        {.grid = dim3(unsigned(tiles)),
         .block = dim3(tuning::threads),
         .shared_bytes = cp_async_shared_bytes<typename Problem::product, tuning, true, BAlongK>,
         .stream = stream},
        p);
  }
};

}  // namespace warpladder::gemm_tc
