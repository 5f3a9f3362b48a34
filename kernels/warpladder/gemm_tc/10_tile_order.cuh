// SPDX-License-Identifier: Apache-2.0
//
// 10 tile_order. Before: 08 walks over C row by row. At 8192^3 the 132 tiles that run at one time
// are 4 rows of 32: they read 4 * 128 rows of A and all 8192 columns of B, 8.7 K values per k.
//
// Idea: walk in bands of 16 rows of tiles, column by column inside a band: 132 tiles are then about
// 16 x 8, that is 2048 rows and 2112 columns, 4.2 K values per k instead of 8.7 K. What neighbours
// in time read comes from L2, or is even still on its way to another multiprocessor. Prediction:
// nothing where all operands fit into L2 (50 MB: up to 2048^3), and at 8192^3 as much as the row
// order loses there by waiting for device memory; the bytes from it fall to a half.
// Limited by: both consumers store at the same time, and nothing is multiplied meanwhile.
#pragma once

#include <warpladder/gemm_tc/08_persistent.cuh>

namespace warpladder::gemm_tc {

/// Bands of `Height` rows of tiles, column by column; the last band may be lower.
template <int Height>
struct banded_order {
  static constexpr bool for_all_products = false;

  static __device__ __forceinline__ int2 place(int tile, int rows, int cols) {
    const int in_band = Height * cols, first_row = tile / in_band * Height;
    const int height = rows - first_row < Height ? rows - first_row : Height;
    return {tile % in_band / height, first_row + tile % in_band % height};
  }
};

struct tile_order {
  static constexpr rung_info info{.step = 10,
                                  .name = "tile_order",
                                  .idea = "bands of tiles that share operands in L2",
                                  .min_compute_capability = 90};

  template <class Problem>
  static support supports(const Problem& p) {
    return detail::supports_warpgroups(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return launch_persistent<persistent_default, banded_order<16>>(p, stream);
  }
};

}  // namespace warpladder::gemm_tc
