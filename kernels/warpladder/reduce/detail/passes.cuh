// SPDX-License-Identifier: Apache-2.0
//
// What rungs 01 to 06 have in common: a block reduces a tile of the array to one partial result,
// and passes over the partials follow until one is left. With tiles of 256 elements that are
// ceil(log(n) / log(256)) passes, 4 for 2^30 elements, and n/256 + n/65536 + ... partials, which
// are written once and read once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce::detail {

/// One pass, as its kernel sees it: the first reads elements, the others what the one before wrote.
template <class T, class Op, bool IsFirst>
struct pass {
  static_assert(Op::inputs == 1, "this rung reads one array");
  using accumulator = typename Op::accumulator;

  Op op;
  std::int64_t n;
  const std::conditional_t<IsFirst, T, accumulator>* in;
  accumulator* partials;     ///< one per block; null in the last pass, which has one block
  typename Op::result* out;  ///< for the last pass

  __device__ accumulator value(std::int64_t i) const {
    if (i >= n) return op.identity();
    if constexpr (IsFirst) {
      return op.lift(in[i], i);
    } else {
      return in[i];
    }
  }

  /// One thread of every block stores the block's result.
  __device__ void store(accumulator total) const {
    if (partials != nullptr) {
      partials[blockIdx.x] = total;
    } else {
      *out = op.finish(total);
    }
  }
};

/// Blocks of a pass over n values: one even if there are none, to write the result of nothing.
template <int Tile>
std::int64_t blocks_of_pass(std::int64_t n) {
  return std::max<std::int64_t>(1, ceil_div<std::int64_t>(n, Tile));
}

template <int Tile, class T, class Op>
support passes_fit_grid(const problem<T, Op>& p) {
  if (blocks_of_pass<Tile>(p.n) > std::numeric_limits<std::int32_t>::max())
    return {"n needs more blocks than a grid can have"};
  return {};
}

/// Partials lie in two arrays in turn: no pass writes what it reads.
template <int Tile, class T, class Op>
std::size_t workspace_of_passes(const problem<T, Op>& p) {
  const std::int64_t blocks = blocks_of_pass<Tile>(p.n);
  if (blocks == 1) return 0;
  return std::size_t(blocks + blocks_of_pass<Tile>(blocks)) * sizeof(typename Op::accumulator);
}

/// Calls launch_pass(pass, grid), which enqueues one pass, until one value is left.
template <int Tile, class T, class Op, class LaunchPass>
cudaError_t run_passes(const problem<T, Op>& p, workspace_view workspace,
                       const LaunchPass& launch_pass) {
  using accumulator = typename Op::accumulator;
  if (lacks(workspace, workspace_of_passes<Tile>(p))) return cudaErrorInvalidValue;

  std::int64_t blocks = blocks_of_pass<Tile>(p.n);
  auto* from = static_cast<accumulator*>(blocks > 1 ? workspace.data : nullptr);
  cudaError_t status =
      launch_pass(pass<T, Op, true>{p.op, p.n, p.in, from, p.out}, dim3(unsigned(blocks)));
  for (accumulator* to = from + blocks; blocks > 1 && status == cudaSuccess; std::swap(from, to)) {
    const std::int64_t n = blocks;
    blocks = blocks_of_pass<Tile>(n);
    accumulator* const partials = blocks > 1 ? to : nullptr;
    status =
        launch_pass(pass<T, Op, false>{p.op, n, from, partials, p.out}, dim3(unsigned(blocks)));
  }
  return status;
}

}  // namespace warpladder::reduce::detail
