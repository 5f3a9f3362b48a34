// SPDX-License-Identifier: Apache-2.0
//
// One block per tile of C: the grids of rungs 01 to 04.
#pragma once

#include <cstdint>
#include <limits>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// Tiles along x, products of the batch along z.
template <class Tuning, class Problem>
dim3 tile_grid(const Problem& p) {
  const auto tiles =
      ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n);
  return dim3(unsigned(tiles), 1, unsigned(p.batch));
}

template <class Tuning, class Problem>
support fits_grid(const Problem& p) {
  if (ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n) >
      std::numeric_limits<std::int32_t>::max())
    return {"tiles of C exceed grid.x"};
  if (p.batch > 65535) return {"batch exceeds grid.z"};
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
