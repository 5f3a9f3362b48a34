// SPDX-License-Identifier: Apache-2.0
//
// 33 streaming_hints. Before: L2 treats an index, which nobody needs again, like a sector of the
// table, which thousands of lookups want. What streams through pushes out what should stay.
//
// Idea: say so. __ldcs and __stcs mark the lines of index and out as the first to evict.
// Traffic: request by request that of 32; what changes is how many lookups find L2. A table of S
// bytes has S / 32 sectors, so between two visits to one of them S / 32 lookups pass on average,
// and with them S / 4 bytes of index and out. If L2 keeps what was used last, the table has a hit
// rate h = 1 - exp(-t) where (1 - exp(-t)) + t / 4 = L2 / S (Che's approximation), and h = L2 / S
// once the streams take no space, 1 for a table that fits:
//   L2 / S       0.5    1    1.25   1.5    2
//   h, 32       38%   70%   82%    91%    98%
//   h, 33       50%  100%  100%   100%   100%
// A miss costs 32 bytes of device memory beside the 8 that each lookup streams: for a table as
// large as L2, 18 bytes per lookup before and 8 now. In time that is 6 ps and 2.7 ps, both hidden
// behind the 7.4 ps of L2 unless misses cost device memory more than their bytes. A table of half
// of L2 or less gains nothing. How much of its size L2 has for data that all multiprocessors read
// is to be measured.
// Limited by: sectors at L2, and by what others do to L2 between launches -> 34 l2_persistence.
#pragma once

#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/lookup_problem.hpp>

namespace warpladder::memory {

/// Four lookups of this thread, or what is left of them; index and out are the first to evict.
template <class T, int Threads>
__device__ __forceinline__ void streaming_lookup(const lookup_problem<T>& p) {
  static_assert(std::is_same_v<T, float>, "float4 holds four floats");
  const std::int64_t four = std::int64_t(blockIdx.x) * Threads + threadIdx.x;
  const std::int64_t first = 4 * four;
  if (first + 4 <= p.n) {
    const int4 at = __ldcs(reinterpret_cast<const int4*>(p.index) + four);
    const float4 found = {__ldg(&p.table[at.x]), __ldg(&p.table[at.y]), __ldg(&p.table[at.z]),
                          __ldg(&p.table[at.w])};
    __stcs(reinterpret_cast<float4*>(p.out) + four, found);
  } else {
#pragma unroll 1
    for (std::int64_t i = first; i < p.n; ++i)
      __stcs(&p.out[i], __ldg(&p.table[__ldcs(&p.index[i])]));
  }
}

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) streaming_hints_kernel(lookup_problem<T> p) {
  streaming_lookup<T, Tuning::threads>(p);
}

struct streaming_hints {
  static constexpr rung_info info{33, "streaming_hints", "what is used once is evicted first"};
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
    return warpladder::launch_kernel(streaming_hints_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
