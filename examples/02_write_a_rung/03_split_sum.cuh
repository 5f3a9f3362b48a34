// SPDX-License-Identifier: Apache-2.0
//
// 03 split_sum. Before: 02 coalesced adds k products to one sum. Each multiply-add waits for the
// one before, 4 clocks, and for the two loads that feed it.
//
// Idea: four sums for four neighbouring k, added up at the end. Four multiply-adds, and the eight
// loads for them, no longer depend on each other and can be in flight together.
// Traffic: unchanged, 2 * m * n * k elements from the caches.
// Limited by: what 02 is limited by once latency is hidden, two loads per multiply-add.
//
// A rung to copy: read it from top to bottom, then replace the idea by your own.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

// 1. The numbers that may be tuned, with what they must satisfy.
struct split_sum_tuning {
  static constexpr int block_rows = 8, block_cols = 32;
  static constexpr int sums = 4;
  static_assert(block_cols % 32 == 0,
                "a warp must not span two rows: its loads would not coalesce");
};

// 2. The kernel. It guards every edge itself, and reads C only where beta asks (store_scaled).
template <class T, class Tuning>
__global__ void __launch_bounds__(Tuning::block_rows* Tuning::block_cols)
    split_sum_kernel(warpladder::gemm::problem<T> p) {
  const std::int64_t row = std::int64_t(blockIdx.y) * blockDim.y + threadIdx.y;
  const std::int64_t col = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= p.m || col >= p.n) return;

  const T* a = p.a + row * p.a_row();
  const T* b = p.b + col * p.b_col();
  T sum[Tuning::sums] = {};
  int k = 0;
  for (; k + Tuning::sums <= p.depth(); k += Tuning::sums) {
#pragma unroll
    for (int i = 0; i < Tuning::sums; ++i)
      sum[i] += a[(k + i) * p.a_col()] * b[(k + i) * p.b_row()];
  }
  for (; k < p.depth(); ++k) sum[0] += a[k * p.a_col()] * b[k * p.b_row()];
#pragma unroll
  for (int i = 1; i < Tuning::sums; ++i) sum[0] += sum[i];
  warpladder::gemm::store_scaled(&p.c[row * p.ldc + col], sum[0], p.alpha, p.beta);
}

// 3. The rung: what it is, which problems it takes, what scratch it needs, how it is launched.
struct split_sum {
  static constexpr warpladder::rung_info info{3, "split_sum", "four independent sums per thread"};
  using tuning = split_sum_tuning;

  /// Say no, with the reason, to every legal problem that the kernel cannot do. Never be wrong.
  template <class T>
  static warpladder::support supports(const warpladder::gemm::problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (warpladder::ceil_div<std::int64_t>(p.m, tuning::block_rows) > 65535)
      return {"m exceeds grid.y"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const warpladder::gemm::problem<T>&) {
    return 0;
  }

  /// Asynchronous; allocates nothing, synchronises nothing, legal under stream capture.
  template <class T>
  static cudaError_t launch(const warpladder::gemm::problem<T>& p, cudaStream_t stream,
                            warpladder::workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(unsigned(warpladder::ceil_div<std::int64_t>(p.n, block.x)),
                    unsigned(warpladder::ceil_div<std::int64_t>(p.m, block.y)));
    return warpladder::launch_kernel(split_sum_kernel<T, tuning>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};
