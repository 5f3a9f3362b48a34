// SPDX-License-Identifier: Apache-2.0
//
// 31 read_only. Before: loads that the compiler must treat as loads of memory that may change.
//
// Idea: __ldg promises that nobody writes the data while the kernel runs (LDG.E.CONSTANT instead of
// LDG.E). On Kepler that was another cache, and a famous speed-up.
// Traffic: that of 30, request by request. Since Volta the read-only cache and L1 are one memory
// with one path, so the prediction is no difference at all. What is left of the promise is freedom
// for the compiler, which may move such loads above stores; one lookup per thread has no store to
// move above. The rung is here to be measured, because the advice to use __ldg is still given.
// Limited by: as 30, sectors at L2; and each thread has one lookup in flight -> 32 in_flight.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/items.hpp>
#include <warpladder/memory/lookup_problem.hpp>

namespace warpladder::memory {

template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) read_only_kernel(lookup_problem<T> p) {
  const std::int64_t i = std::int64_t(blockIdx.x) * Tuning::threads + threadIdx.x;
  if (i < p.n) p.out[i] = __ldg(&p.table[__ldg(&p.index[i])]);
}

struct read_only {
  static constexpr rung_info info{31, "read_only", "loads that promise not to be written"};
  struct tuning {
    static constexpr int threads = 256;
  };

  template <class T>
  static support supports(const lookup_problem<T>& p) {
    return detail::fits_grid(p.n, tuning::threads);
  }

  template <class T>
  static std::size_t workspace_bytes(const lookup_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const lookup_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::threads), grid(detail::block_count(p.n, tuning::threads));
    return warpladder::launch_kernel(read_only_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::memory
