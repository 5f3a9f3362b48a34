// SPDX-License-Identifier: Apache-2.0
//
// One block per tile of C: the grids of rungs 01 to 07.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

template <int BlockM, int BlockN, class Problem>
std::int64_t tiles_of(const Problem& p) {
  return ceil_div<std::int64_t>(p.m, BlockM) * ceil_div<std::int64_t>(p.n, BlockN);
}

/// Tiles along x; products of the batch along y, and along z once y is full.
template <int BlockM, int BlockN, class Problem>
dim3 tile_grid(const Problem& p) {
  constexpr std::int64_t most = 65535;
  return dim3(unsigned(tiles_of<BlockM, BlockN>(p)), unsigned(std::min(p.batch, most)),
              unsigned(ceil_div(p.batch, most)));
}

/// The product of the batch that a block works on: none, if it is p.batch or more.
__device__ __forceinline__ std::int64_t product_of_block() {
  return std::int64_t{blockIdx.z} * gridDim.y + blockIdx.y;
}

template <int BlockM, int BlockN, class Problem>
support fits_grid(const Problem& p) {
  if (tiles_of<BlockM, BlockN>(p) > std::numeric_limits<std::int32_t>::max())
    return {"tiles of C exceed grid.x"};
  return {};
}

/// Calls launch<AAlongK, BAlongK>() for the problem's transposes: is an operand contiguous along k?
template <class Problem, class Launch>
cudaError_t with_contiguity(const Problem& p, const Launch& launch) {
  const bool a_along_k = p.trans_a == transpose::no, b_along_k = p.trans_b == transpose::yes;
  if (a_along_k && b_along_k) return launch.template operator()<true, true>();
  if (a_along_k) return launch.template operator()<true, false>();
  if (b_along_k) return launch.template operator()<false, true>();
  return launch.template operator()<false, false>();
}

}  // namespace warpladder::gemm_tc::detail
