// SPDX-License-Identifier: Apache-2.0
//
// 02 coalesced. Before: the lanes of a warp sat in 32 different rows, 32 sectors per load of A.
//
// Idea: swap the roles of threadIdx.x and threadIdx.y, nothing else. Lanes that are neighbours now
// own neighbouring columns of C: a load of B and the store of C touch 4 sectors of 32 bytes, all of
// it used, and the load of A is one element for the whole warp (a broadcast).
// Traffic: still 2 * m * n * k elements from the caches, in 8 times fewer sectors.
// Limited by: one load instruction per multiply-add and L1/L2 bandwidth -> 03 smem_tiled.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

template <class T>
__global__ void __launch_bounds__(256) coalesced_kernel(problem<T> p) {
  const std::int64_t row = std::int64_t(blockIdx.y) * blockDim.y + threadIdx.y;
  const std::int64_t col = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= p.m || col >= p.n) return;

  T sum = 0;
  for (int k = 0; k < p.depth(); ++k) {
    sum += p.a[row * p.a_row() + k * p.a_col()] * p.b[k * p.b_row() + col * p.b_col()];
  }
  store_scaled(&p.c[row * p.ldc + col], sum, p.alpha, p.beta);
}

struct coalesced {
  static constexpr rung_info info{2, "coalesced", "neighbouring lanes own neighbouring columns"};
  struct tuning {
    static constexpr int block_rows = 8, block_cols = 32;
  };

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (ceil_div<std::int64_t>(p.m, tuning::block_rows) > 65535) return {"m exceeds grid.y"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const dim3 block(tuning::block_cols, tuning::block_rows);
    const dim3 grid(ceil_div<std::int64_t>(p.n, block.x), ceil_div<std::int64_t>(p.m, block.y));
    return warpladder::launch_kernel(coalesced_kernel<T>,
                                     {.grid = grid, .block = block, .stream = stream}, p);
  }
};

}  // namespace warpladder::gemm
