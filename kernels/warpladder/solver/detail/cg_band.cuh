// SPDX-License-Identifier: Apache-2.0
//
// Conjugate gradients on chip: a block holds a band of rows of all four vectors for as long as the
// iterations last, p and q in registers, x and r in shared memory. How the bands add up their dot
// products and tell each other their outermost rows is what the rungs 15 and 16 differ in. A
// Together is
//
//   static std::size_t bytes(int bands, int columns);   // of its memory
//   static std::size_t zeroed(int bands, int columns);  // of these, from the front, at the start
//   Together(void* memory, int bands, int columns)
//   template <class Band>
//   struct in_block {  // made from the Together by every thread of a block
//     // Adds up all threads' parts; equal bits for everyone.
//     __device__ float sum(float part, Band::shared& with);
//     // The same, and on the way tells the neighbours the outer rows of r, fetches theirs.
//     __device__ float sum_and_swap(float part, Band::shared& with, Band& mine);
//   };
#pragma once

#include <cstdint>
#include <warpladder/core/math.hpp>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/solver/detail/block_sum.cuh>
#include <warpladder/solver/detail/cg_sweeps.cuh>
#include <warpladder/solver/detail/choose_bands.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver::detail {

/// Width neighbouring columns of Rows neighbouring rows, for one thread.
template <int Width, int Rows>
struct cg_band {
  static_assert(Width == 4, "x and r are float4 in shared memory");
  static constexpr int width = Width, rows = Rows, max_warps = 16;
  static constexpr std::size_t shared_bytes_per_thread = 2 * Rows * sizeof(float4);

  struct shared {
    float of_warp[32];
    float total;
    /// p in the first and the last column of every warp; 0 beyond the first and the last warp.
    float first[max_warps + 2][Rows], last[max_warps + 2][Rows];
  };

  float p[Rows][Width], q[Rows][Width];  ///< q holds r from update() to direct()
  float above[Width], below[Width];      ///< p in the last row of the band before, the first after
  float r_above[Width], r_below[Width];  ///< r there
  int inner_rows, inner_cols;            ///< how many of this thread's cells there are

  /// x = 0, r = p = b; beyond the grid all is 0, and remains so. Returns this thread's part of r.r.
  __device__ float start(const cg_problem& problem, shared& with) {
    const std::int64_t row = first_row(), col = first_col();
    const auto up_to = [](int most, std::int64_t left) {
      return left < 0 ? 0 : left < most ? int(left) : most;
    };
    inner_rows = up_to(Rows, problem.rows - row);
    inner_cols = up_to(Width, problem.cols - col);
    const auto load_row = [&](float(&to)[Width], std::int64_t from, bool exists) {
#pragma unroll
      for (int j = 0; j < Width; ++j)
        to[j] = exists && j < inner_cols ? problem.b[from * problem.ld_b + col + j] : 0;
    };
    load_row(above, row - 1, blockIdx.x > 0);
    float rr = 0;
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      load_row(p[i], row + i, i < inner_rows);
      const float4 zero{}, b{p[i][0], p[i][1], p[i][2], p[i][3]};
      *x_of(i) = zero;
      *r_of(i) = b;
#pragma unroll
      for (int j = 0; j < Width; ++j) rr = fmaf(p[i][j], p[i][j], rr);
    }
    load_row(below, row + Rows, row + Rows < problem.rows);
#pragma unroll
    for (int j = 0; j < Width; ++j) r_above[j] = r_below[j] = 0;
    for (int i = int(threadIdx.x); i < Rows; i += int(blockDim.x))
      with.last[0][i] = with.first[blockDim.x / 32 + 1][i] = 0;
    return rr;
  }

  /// q = A p; returns this thread's part of p.q.
  __device__ float apply(shared& with) {
    const int lane = threadIdx.x % 32, entry = threadIdx.x / 32 + 1;
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      if (lane == 0) with.first[entry][i] = p[i][0];
      if (lane == 31) with.last[entry][i] = p[i][Width - 1];
    }
    __syncthreads();  // they are overwritten behind the barriers of the two sums
    const bool whole = inner_rows == Rows && inner_cols == Width;
    return __all_sync(0xffffffffu, whole)
               ? multiply<true>(with.last[entry - 1], with.first[entry + 1])
               : multiply<false>(with.last[entry - 1], with.first[entry + 1]);
  }

  /// x += alpha p, r -= alpha q; returns this thread's part of r.r.
  __device__ float update(float alpha) {
    float rr = 0;
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      float4 x = *x_of(i), r = *r_of(i);
      float* const x_at[] = {&x.x, &x.y, &x.z, &x.w};
      float* const r_at[] = {&r.x, &r.y, &r.z, &r.w};
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        *x_at[j] = fmaf(alpha, p[i][j], *x_at[j]);
        *r_at[j] = fmaf(-alpha, q[i][j], *r_at[j]);
        q[i][j] = *r_at[j];
        rr = fmaf(*r_at[j], *r_at[j], rr);
      }
      *x_of(i) = x;
      *r_of(i) = r;
    }
    return rr;
  }

  /// p = r + beta p, in the neighbours' rows too: they need not be sent a second time.
  __device__ void direct(float beta) {
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      above[j] = fmaf(beta, above[j], r_above[j]);
      below[j] = fmaf(beta, below[j], r_below[j]);
#pragma unroll
      for (int i = 0; i < Rows; ++i) p[i][j] = fmaf(beta, p[i][j], q[i][j]);
    }
  }

  __device__ void store(const cg_problem& problem) const {
    const std::int64_t row = first_row(), col = first_col();
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      const float4 x = *x_of(i);
      const float of[] = {x.x, x.y, x.z, x.w};
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        if (i < inner_rows && j < inner_cols) problem.x[(row + i) * problem.ld_x + col + j] = of[j];
      }
    }
  }

 private:
  static __device__ std::int64_t first_row() {
    return std::int64_t{blockIdx.x} * Rows;
  }
  static __device__ std::int64_t first_col() {
    return std::int64_t{threadIdx.x} * Width;
  }
  static __device__ float4* x_of(int row) {
    return dynamic_shared<float4>() + row * int(blockDim.x) + threadIdx.x;
  }
  static __device__ float4* r_of(int row) {
    return x_of(Rows + row);
  }

  template <bool Whole>
  __device__ __forceinline__ float multiply(const float* left_edge, const float* right_edge) {
    const int lane = threadIdx.x % 32;
    float pq = 0;
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      float left = __shfl_up_sync(0xffffffffu, p[i][Width - 1], 1);
      float right = __shfl_down_sync(0xffffffffu, p[i][0], 1);
      if (lane == 0) left = left_edge[i];
      if (lane == 31) right = right_edge[i];
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        const float up = i > 0 ? p[i > 0 ? i - 1 : 0][j] : above[j];
        const float down = i + 1 < Rows ? p[(i + 1) % Rows][j] : below[j];
        const float around = (up + down) + ((j > 0 ? p[i][j > 0 ? j - 1 : 0] : left) +
                                            (j + 1 < Width ? p[i][(j + 1) % Width] : right));
        const float product = fmaf(4.0f, p[i][j], -around);
        q[i][j] = Whole || (i < inner_rows && j < inner_cols) ? product : 0;
        pq = fmaf(p[i][j], q[i][j], pq);
      }
    }
    return pq;
  }
};

template <class Band, int MaxThreads, class Together>
__global__ void __launch_bounds__(MaxThreads, 1)
    cg_band_kernel(cg_problem problem, Together of_grid) {
  __shared__ typename Band::shared with;
  typename Together::template in_block<Band> together{of_grid};
  Band mine;
  float rr = together.sum(mine.start(problem, with), with);
  for (int i = 0; i < problem.iterations; ++i) {
    const float alpha = step_length(rr, together.sum(mine.apply(with), with));
    const float rr_before = rr;
    rr = together.sum_and_swap(mine.update(alpha), with, mine);
    mine.direct(step_length(rr, rr_before));
  }
  mine.store(problem);
  if (problem.residual != nullptr && blockIdx.x == 0 && threadIdx.x == 0) *problem.residual = rr;
}

template <int Width, int Rows, int MaxThreads>
struct cg_band_shape {
  using band = cg_band<Width, Rows>;
  static constexpr int max_threads = MaxThreads;
  static_assert(MaxThreads <= 32 * band::max_warps);
};

using cg_bands = band_shapes<cg_band_shape<4, 2, 512>, cg_band_shape<4, 4, 512>,
                             cg_band_shape<4, 8, 512>, cg_band_shape<4, 12, 384>>;

/// The rung that a Together makes.
template <class Together, class Shapes = cg_bands>
struct cg_banded {
  static support supports(const cg_problem& p) {
    if (p.is_empty() || choose(p, [](auto, const band_plan&) {})) return {};
    return {"the vectors do not fit into the registers and shared memory of the device"};
  }

  static std::size_t workspace_bytes(const cg_problem& p) {
    std::size_t bytes = 0;
    if (!p.is_empty()) {
      choose(p, [&](auto shape, const band_plan& plan) {
        bytes = Together::bytes(plan.bands, columns(shape, plan));
      });
    }
    return bytes;
  }

  static cudaError_t launch(const cg_problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.is_empty()) return cg_of_nothing(p, stream);
    cudaError_t status = cudaErrorNotSupported;
    choose(p, [&](auto shape, const band_plan& plan) {
      using band = typename decltype(shape)::band;
      const int each = columns(shape, plan);
      status = cudaErrorInvalidValue;
      if (lacks(workspace, Together::bytes(plan.bands, each))) return;
      status = cudaMemsetAsync(workspace.data, 0, Together::zeroed(plan.bands, each), stream);
      if (status != cudaSuccess) return;
      status = launch_resident(kernel_of<decltype(shape)>,
                               {.grid = dim3(unsigned(plan.bands)),
                                .block = dim3(plan.threads),
                                .shared_bytes = plan.threads * band::shared_bytes_per_thread,
                                .stream = stream},
                               p, Together(workspace.data, plan.bands, each));
    });
    return status;
  }

 private:
  template <class Shape>
  static constexpr auto kernel_of =
      cg_band_kernel<typename Shape::band, Shape::max_threads, Together>;

  /// Elements of what a band tells each of its neighbours.
  template <class Shape>
  static int columns(Shape, const band_plan& plan) {
    return int(plan.threads) * Shape::band::width;
  }

  template <class Visit>
  static bool choose(const cg_problem& p, const Visit& visit) {
    const auto plan_of = [&](auto shape) {
      using band = typename decltype(shape)::band;
      return plan_bands(kernel_of<decltype(shape)>, p.rows, p.cols, band::rows, band::width,
                        shape.max_threads, band::shared_bytes_per_thread);
    };
    return choose_bands(Shapes{}, plan_of, visit);
  }
};

}  // namespace warpladder::solver::detail
