// SPDX-License-Identifier: Apache-2.0
//
// 01 naive. The textbook formula: one thread computes one element of C.
//
// Idea: none yet; this is what the formula says, with threadIdx.x walking down the rows of C as
// most people write it first.
// Traffic: every multiply-add loads two elements, 2 * m * n * k in all. The lanes of a warp share a
// column of B (one broadcast) but sit in 32 different rows of A and C: each load of A touches 32
// sectors of 32 bytes to use 4 bytes of each, and so does the store of C.
// Limited by: the load/store unit, which passes one sector-row at a time -> 02 coalesced.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

template <class T>
__global__ void __launch_bounds__(256) naive_kernel(problem<T> p) {
  const std::int64_t row = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t col = std::int64_t(blockIdx.y) * blockDim.y + threadIdx.y;
  if (row >= p.m || col >= p.n) return;

  T sum = 0;
  for (int k = 0; k < p.depth(); ++k) {
    sum += p.a[row * p.a_row() + k * p.a_col()] * p.b[k * p.b_row() + col * p.b_col()];
  }
  store_scaled(&p.c[row * p.ldc + col], sum, p.alpha, p.beta);
}

struct naive {
  static constexpr rung_info info{1, "naive", "one thread per element of C"};
  struct tuning {
    static constexpr int block_rows = 32, block_cols = 8;
  };

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (ceil_div<std::int64_t>(p.n, tuning::block_cols) > 65535) return {"n exceeds grid.y"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::block_rows, tuning::block_cols);
    const dim3 grid(ceil_div<std::int64_t>(p.m, block.x), ceil_div<std::int64_t>(p.n, block.y));
    return warpladder::launch_kernel(naive_kernel<T>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::gemm
