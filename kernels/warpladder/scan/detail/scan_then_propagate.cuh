// SPDX-License-Identifier: Apache-2.0
//
// What 01 to 04 have in common: they scan every tile by itself, scan the sums of the tiles in the
// same way, and combine what stands before a tile with all of its elements (scan, then propagate).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan::detail {

/// `Op` one level up, where the elements are sums.
template <class Op>
struct on_sums {
  using input = typename Op::accumulator;
  using accumulator = typename Op::accumulator;
  using result = typename Op::accumulator;
  static constexpr int inputs = 1;
  Op op;

  __host__ __device__ accumulator identity() const { return op.identity(); }
  __host__ __device__ accumulator lift(accumulator x, std::int64_t) const { return x; }
  __host__ __device__ accumulator combine(accumulator a, accumulator b) const {
    return op.combine(a, b);
  }
  __host__ __device__ accumulator finish(accumulator a) const { return a; }
};

/// sums[i] = what stands before the part with that sum: the problem one level up, in place.
template <class Op>
problem<typename Op::accumulator, on_sums<Op>> before_parts(std::int64_t parts,
                                                            typename Op::accumulator* sums,
                                                            const Op& op,
                                                            typename Op::accumulator initial) {
  return {parts, sums, sums, kind::exclusive, {op}, initial};
}

/// Two levels up it is the same type, or the recursion would have no end.
template <class Op>
problem<typename Op::accumulator, on_sums<Op>> before_parts(std::int64_t parts,
                                                            typename Op::accumulator* sums,
                                                            const on_sums<Op>& op,
                                                            typename Op::accumulator initial) {
  return {parts, sums, sums, kind::exclusive, op, initial};
}

/// Is `out` of a type that holds a tile's scan until the second pass has completed it?
template <class Op>
inline constexpr bool out_holds_accumulators =
    std::is_same_v<typename Op::result, typename Op::accumulator>;

/// Does one block per tile fit into a grid?
inline support fits_grid(std::int64_t n, int tile) {
  if (ceil_div<std::int64_t>(n, tile) > std::numeric_limits<std::int32_t>::max())
    return {"more tiles than the 2^31 - 1 blocks of a grid"};
  return {};
}

/// Scratch of scan_then_propagate(): the sums of all levels and, where `out` cannot hold them, the
/// scans of the tiles.
template <class Op>
std::size_t propagation_bytes(std::int64_t n, int tile) {
  if (n == 0) return 0;
  std::int64_t count = out_holds_accumulators<Op> ? 0 : n;
  do {
    n = ceil_div<std::int64_t>(n, tile);
    count += n;
  } while (n > 1);
  return std::size_t(count) * sizeof(typename Op::accumulator);
}

/// out[i] = before the tile, then what its own scan says of element i. Loads are in flight together
/// although `out` may be `scanned`: hence the array.
template <int Tile, int Threads, class T, class Op>
__global__ void __launch_bounds__(Threads)
    propagate_kernel(problem<T, Op> p, const typename Op::accumulator* scanned,
                     const typename Op::accumulator* before) {
  constexpr int each = Tile / Threads < 4 ? Tile / Threads : 4;
  static_assert(Tile % (each * Threads) == 0, "a tile is a whole number of passes");
  const std::int64_t begin = std::int64_t{blockIdx.x} * Tile + threadIdx.x;
  const typename Op::accumulator carry = before == nullptr ? p.initial : before[blockIdx.x];
#pragma unroll 1
  for (int pass = 0; pass < Tile; pass += each * Threads) {
    typename Op::accumulator own[each];
#pragma unroll
    for (int k = 0; k < each; ++k) {
      const std::int64_t i = begin + pass + k * Threads;
      if (i < p.n) own[k] = scanned[i];
    }
#pragma unroll
    for (int k = 0; k < each; ++k) {
      const std::int64_t i = begin + pass + k * Threads;
      if (i < p.n) p.out[i] = p.op.finish(p.op.combine(carry, own[k]));
    }
  }
}

/// Rung::scan_tiles() scans the tiles of a problem without what stands before them, and stores
/// their sums; Rung::tile<T, Op> is their length. `scratch` as propagation_bytes() says.
template <class Rung, class T, class Op>
cudaError_t scan_then_propagate(const problem<T, Op>& p, cudaStream_t stream,
                                typename Op::accumulator* scratch) {
  constexpr int tile = Rung::template tile<T, Op>;
  typename Op::accumulator* scanned = scratch;
  if constexpr (out_holds_accumulators<Op>) {
    scanned = p.out;
  } else {
    scratch += p.n;
  }
  const std::int64_t tiles = ceil_div<std::int64_t>(p.n, tile);
  typename Op::accumulator* const sums = scratch;
  cudaError_t status = Rung::scan_tiles(p, scanned, sums, unsigned(tiles), stream);
  if (status == cudaSuccess && tiles > 1)
    status =
        scan_then_propagate<Rung>(before_parts(tiles, sums, p.op, p.initial), stream, sums + tiles);
  if (status != cudaSuccess) return status;
  constexpr int threads = tile < 512 ? tile : 512;
  return warpladder::launch_kernel(
      propagate_kernel<tile, threads, T, Op>,
      {.grid = dim3(unsigned(tiles)), .block = dim3(threads), .stream = stream}, p, scanned,
      tiles > 1 ? sums : nullptr);
}

}  // namespace warpladder::scan::detail
