// SPDX-License-Identifier: Apache-2.0
//
// The parts of an iteration of conjugate gradients on vectors in global memory: what the rungs 11
// to 14 put together. Every block takes the tiles blockIdx.x, blockIdx.x + gridDim.x, ... in all
// parts, and leaves its share of a dot product as one number, which the next part adds up: every
// block for itself, in the same order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <warpladder/core/math.hpp>
#include <warpladder/core/residency.cuh>
#include <warpladder/solver/detail/block_sum.cuh>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver::detail {

/// The vectors that the method carries along, each rows x ld, and the blocks' shares of p.q and of
/// r.r, the latter of even and of odd iterations.
struct cg_vectors {
  cg_problem problem;
  std::int64_t ld;
  float *r, *q, *p[2];
  float *pq, *rr[2];

  static std::size_t bytes(const cg_problem& problem, std::size_t blocks) {
    return 4 * vector_bytes(problem) + 3 * share_bytes(blocks);
  }
  cg_vectors(const cg_problem& of, void* memory, std::size_t blocks)
      : problem(of), ld(round_up<std::int64_t>(of.cols, 64)) {
    char* next = static_cast<char*>(memory);
    const auto take = [&](std::size_t bytes) {
      return reinterpret_cast<float*>(std::exchange(next, next + bytes));
    };
    for (float** vector : {&r, &q, &p[0], &p[1]}) *vector = take(vector_bytes(of));
    for (float** shares : {&pq, &rr[0], &rr[1]}) *shares = take(share_bytes(blocks));
  }

  /// By parity, and not by index: an indexed parameter would be copied to the stack.
  __device__ float* direction(int iteration) const { return iteration % 2 == 0 ? p[0] : p[1]; }
  __device__ float* residuals(int iteration) const { return iteration % 2 == 0 ? rr[0] : rr[1]; }

 private:
  static std::size_t vector_bytes(const cg_problem& p) {
    return std::size_t(p.rows) * std::size_t(round_up<std::int64_t>(p.cols, 64)) * sizeof(float);
  }
  static std::size_t share_bytes(std::size_t blocks) {
    return round_up<std::size_t>(blocks * sizeof(float), 256);
  }
};

/// As many blocks as the device holds of `kernel`, and no more than there are tiles.
template <class... Parameters>
cudaError_t cg_grid(void (*kernel)(Parameters...), const cg_problem& p, std::size_t& blocks) {
  const cudaError_t status = max_resident_blocks(
      kernel, {.grid = {}, .block = dim3(sweep_tile::threads), .stream = {}}, blocks);
  blocks = std::min(blocks, std::size_t(sweep_tile::count(p)));
  return status;
}

/// Calls visit(row, col) for this thread's cells, column by column of a tile.
template <class Visit>
__device__ __forceinline__ void for_cells(const cg_problem& p, const Visit& visit) {
  const std::int64_t tiles = sweep_tile::count(p);
  for (std::int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const sweep_tile mine(p.cols, tile);
    if (mine.col >= p.cols) continue;
#pragma unroll
    for (int i = 0; i < sweep_tile::rows_per_thread; ++i) {
      if (mine.row + i < p.rows) visit(mine.row + i, mine.col);
    }
  }
}

/// A of a vector, whose elements at(row, col) gives; calls visit(row, col, element, result).
template <class At, class Visit>
__device__ __forceinline__ void for_products(const cg_problem& p, const At& at,
                                             const Visit& visit) {
  constexpr int cells = sweep_tile::rows_per_thread;
  const std::int64_t tiles = sweep_tile::count(p);
  for (std::int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const sweep_tile mine(p.cols, tile);
    if (mine.col >= p.cols) continue;
    float column[cells + 2], left[cells], right[cells];
#pragma unroll
    for (int i = 0; i < cells + 2; ++i) {
      const std::int64_t row = mine.row + i - 1;
      column[i] = row >= 0 && row < p.rows ? at(row, mine.col) : 0;
    }
#pragma unroll
    for (int i = 0; i < cells; ++i) {
      const std::int64_t row = mine.row + i;
      left[i] = row < p.rows && mine.col > 0 ? at(row, mine.col - 1) : 0;
      right[i] = row < p.rows && mine.col + 1 < p.cols ? at(row, mine.col + 1) : 0;
    }
#pragma unroll
    for (int i = 0; i < cells; ++i) {
      const float around = (column[i] + column[i + 2]) + (left[i] + right[i]);
      if (mine.row + i < p.rows)
        visit(mine.row + i, mine.col, column[i + 1], fmaf(4.0f, column[i + 1], -around));
    }
  }
}

/// This block's share of a dot product, of which every thread has a part.
__device__ __forceinline__ void leave_share(float* shares, float part, float* of_warp) {
  const float share = block_sum(part, of_warp);
  if (threadIdx.x == 0) shares[blockIdx.x] = share;
}

/// x = 0, r = b; p[0] is the first direction, p[1] the one before it, nothing.
__device__ inline void cg_start(const cg_vectors& v, float* of_warp) {
  float rr = 0;
  for_cells(v.problem, [&](std::int64_t row, std::int64_t col) {
    const float b = v.problem.b[row * v.problem.ld_b + col];
    const std::int64_t at = row * v.ld + col;
    v.problem.x[row * v.problem.ld_x + col] = 0;
    v.r[at] = v.p[0][at] = b;
    v.p[1][at] = 0;
    rr = fmaf(b, b, rr);
  });
  leave_share(v.rr[0], rr, of_warp);
}

/// q = A p, p.q, with p = r + beta * (p of the iteration before) made on the way, neighbours
/// included.
__device__ inline void cg_direct_and_apply(const cg_vectors& v, int iteration, float* of_warp) {
  const int blocks = gridDim.x;
  float* const p_now = v.direction(iteration);
  const float* const p_before = v.direction(iteration + 1);
  float beta = 0;
  if (iteration > 0) {
    const float rr = block_sum(v.residuals(iteration), blocks, of_warp);
    beta = step_length(rr, block_sum(v.residuals(iteration - 1), blocks, of_warp));
  }
  float pq = 0;
  for_products(
      v.problem,
      [&](std::int64_t row, std::int64_t col) {
        const std::int64_t at = row * v.ld + col;
        return fmaf(beta, p_before[at], v.r[at]);
      },
      [&](std::int64_t row, std::int64_t col, float p, float q) {
        p_now[row * v.ld + col] = p;
        v.q[row * v.ld + col] = q;
        pq = fmaf(p, q, pq);
      });
  leave_share(v.pq, pq, of_warp);
}

/// x += alpha p, r -= alpha q, r.r.
__device__ inline void cg_update(const cg_vectors& v, int iteration, const float* p,
                                 float* of_warp) {
  const int blocks = gridDim.x;
  const float rr_before = block_sum(v.residuals(iteration), blocks, of_warp);
  const float alpha = step_length(rr_before, block_sum(v.pq, blocks, of_warp));
  float rr = 0;
  for_cells(v.problem, [&](std::int64_t row, std::int64_t col) {
    const std::int64_t at = row * v.ld + col;
    float& x = v.problem.x[row * v.problem.ld_x + col];
    x = fmaf(alpha, p[at], x);
    const float r = fmaf(-alpha, v.q[at], v.r[at]);
    v.r[at] = r;
    rr = fmaf(r, r, rr);
  });
  leave_share(v.residuals(iteration + 1), rr, of_warp);
}

/// *residual = r.r, by block 0.
__device__ inline void cg_finish(const cg_vectors& v, float* of_warp) {
  if (blockIdx.x > 0 || v.problem.residual == nullptr) return;
  const float rr = block_sum(v.residuals(v.problem.iterations), int(gridDim.x), of_warp);
  if (threadIdx.x == 0) *v.problem.residual = rr;
}

/// Nothing to solve: the norm of nothing is 0.
inline cudaError_t cg_of_nothing(const cg_problem& p, cudaStream_t stream) {
  return p.residual == nullptr ? cudaSuccess
                               : cudaMemsetAsync(p.residual, 0, sizeof *p.residual, stream);
}

}  // namespace warpladder::solver::detail
