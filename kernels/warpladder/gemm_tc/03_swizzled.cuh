// SPDX-License-Identifier: Apache-2.0
//
// 03 swizzled. Before: ldmatrix reads 8 rows of 16 bytes at once, and in 02 they lay in 1 or 2 of
// the 8 places that 128 bytes of shared memory have: 8 or 4 accesses instead of one.
//
// Idea: piece i of row r is stored at place i ^ h(r), within its 128 bytes, where h is different
// for the rows that are read together: r % 8 as a rule. Rows of 64 bytes lie two in 128: there r /
// 2 % 4 separates the 4 pairs, and the row's own half the two of a pair. The 8 rows of one piece
// are then in 8 different places, and so are the 8 pieces of one row: both sides are free of
// conflicts, and no byte is spent on padding. For an address it is one XOR: strips and steps differ
// in bits that h leaves alone or flips, so a lane works out one offset before the loop
// (detail/operand_tile.cuh). Elements of 8 and 32 bits that are turned over read other rows
// together, and have another h. Prediction for bf16: 8 warps x 6 x 4 = 192 clocks of shared memory
// per step for 256 clocks of an A100's tensor cores. Limited by: the wait. Nobody multiplies while
// a tile comes from L2, and nobody loads while it is multiplied; two blocks per multiprocessor take
// turns at best -> 04 cp_async.
#pragma once

#include <warpladder/gemm_tc/02_mma_sync.cuh>

namespace warpladder::gemm_tc {

struct swizzled_tuning : mma_sync_tuning {
  static constexpr bool swizzled = true;
};

struct swizzled {
  static constexpr rung_info info{.step = 3,
                                  .name = "swizzled",
                                  .idea = "pieces of 16 bytes change places: no bank conflicts",
                                  .min_compute_capability = 80};
  using tuning = swizzled_tuning;

  template <class Problem>
  static support supports(const Problem& p) {
    return detail::fits_grid<tuning::block_m, tuning::block_n>(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return detail::launch_mma_sync<tuning>(p, stream);
  }
};

}  // namespace warpladder::gemm_tc
