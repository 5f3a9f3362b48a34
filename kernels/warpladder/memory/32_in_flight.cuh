// SPDX-License-Identifier: Apache-2.0
//
// 32 in_flight. Before: a thread waits for one index, then for one element, and is done.
//
// Idea: four neighbouring lookups per thread. One 16-byte load brings four indices, the four
// lookups leave together and wait together, one 16-byte store takes the results.
// Traffic: index and out by requests of 16 sectors, all used, a quarter as many; the lookups stay
// at 32 sectors of 12.5% each. Four times as many lookups in flight per thread, and a quarter of
// the blocks to start. Where 30 had just threads enough, the prediction is a small gain; a large
// one where occupancy is low. Price: index and out are aligned to 16 bytes. The lanes of a request
// are four indices apart: where indices are sorted, it touches up to 4 times the sectors of 30.
// Limited by: sectors at L2, while L2 holds the table. But index and out pass through L2 too, and
// take its space -> 33 streaming_hints.
#pragma once

#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/lookup_problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) in_flight_kernel(lookup_problem<T> p) {
  static_assert(std::is_same_v<T, float>, "float4 holds four floats");
  const std::int64_t four = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  const std::int64_t first = 4 * four;
  if (first + 4 <= p.n) {
    const int4 at = __ldg(reinterpret_cast<const int4*>(p.index) + four);
    const float4 found{__ldg(&p.table[at.x]), __ldg(&p.table[at.y]), __ldg(&p.table[at.z]),
                       __ldg(&p.table[at.w])};
    reinterpret_cast<float4*>(p.out)[four] = found;
  } else {  // the last, incomplete four
#pragma unroll 1
    for (std::int64_t i = first; i < p.n; ++i) p.out[i] = __ldg(&p.table[__ldg(&p.index[i])]);
  }
}

struct in_flight {
  static constexpr rung_info info{32, "in_flight", "four lookups per thread at once"};
  struct tuning {
    static constexpr int threads = 256;
  };

  template <class T>
  static support supports(const lookup_problem<T>& p) {
    if (!detail::is_wide_aligned(p.index) || !detail::is_wide_aligned(p.out))
      return {"index and out must be aligned to 16 bytes"};
    return detail::fits_grid(p.n, 4 * tuning::threads);
  }

  template <class T>
  static std::size_t workspace_bytes(const lookup_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const lookup_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, 4 * tuning::threads));
    return warpladder::launch_kernel(in_flight_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
