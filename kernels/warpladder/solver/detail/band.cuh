// SPDX-License-Identifier: Apache-2.0
//
// The heat equation on chip: a block holds a band of neighbouring rows, all their columns, in
// registers for as long as the steps last. How bands tell each other their outermost rows is what
// the rungs 05 to 08 differ in. A Halo is
//
//   static std::size_t bytes(int bands, int columns);   // of its memory
//   static std::size_t zeroed(int bands, int columns);  // of these, from the front, at the start
//   Halo(void* memory, int bands, int columns)
//   template <class Band>
//   struct in_block {  // made from the Halo by every thread of a block
//     // Tells the neighbours this band's outer rows, fetches theirs; number: 1, 2, ...
//     __device__ void swap(int number, Band& mine);
//   };
//
// columns: of a block, whole patches and whole warps, without the rim, times the depth of a band.
#pragma once

#include <cstdint>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/detail/choose_bands.cuh>
#include <warpladder/solver/detail/sweep.cuh>
#include <warpladder/solver/problem.hpp>

namespace warpladder::solver::detail {

/// Width neighbouring columns of Rows neighbouring rows of the inner cells, for one thread. The
/// inner cells are those that change: column 0 of the first thread is column 1 of the matrix. The
/// rim is kept beside them: as `above` of the first band, and wherever the inner cells end.
///
/// The outer Ghosts rows on each side are the neighbours', computed here too. Every step spoils one
/// more of them, as what is beyond is not known, so that swap() is needed every Ghosts + 1 steps.
template <int Width, int Rows, int Ghosts = 0>
struct band {
  static constexpr int width = Width, rows = Rows, ghosts = Ghosts;
  static constexpr int own = Rows - 2 * Ghosts, depth = Ghosts + 1;
  static_assert(own >= depth, "more of a neighbour's rows than it has");
  static constexpr int max_warps = 16;
  /// What the warps of a block tell each other: the first and the last column of each. The entry
  /// before the first warp holds the left rim.
  struct alignas(16) warp_edges {
    float first[2][max_warps + 2][Rows], last[2][max_warps + 2][Rows];
  };

  float u[Rows][Width];
  float above[Width], below[Width];  ///< the rows next to them
  int inner_begin, inner_end;        ///< the rows that change
  int inner_cols;                    ///< the columns of this thread that change

  __device__ void load(const jacobi_problem& p, warp_edges& edges) {
    const std::int64_t row = first_row(), col = first_col();
    const auto exists = [&](int i) { return row + i >= 0 && row + i < p.rows; };
    const int cols_left = up_to(Width, p.cols - col);
    inner_begin = up_to(Ghosts, 1 - row);
    inner_end = up_to(Rows, p.rows - 1 - row);
    inner_cols = up_to(Width, p.cols - 1 - col);
    const auto load_row = [&](float(&to)[Width], int i) {
#pragma unroll
      for (int j = 0; j < Width; ++j)
        to[j] = exists(i) && j < cols_left ? p.in[(row + i) * p.ld_in + col + j] : 0;
    };
    load_row(above, -1);
#pragma unroll
    for (int i = 0; i < Rows; ++i) load_row(u[i], i);
    load_row(below, Rows);

    // The left rim, and the right one if the block is full to its last column.
    const int beyond = int(blockDim.x) / 32 + 1;
    const bool is_full = 1 + int(blockDim.x) * Width < p.cols;
    for (int i = int(threadIdx.x); i < Rows; i += int(blockDim.x)) {
      edges.last[0][0][i] = edges.last[1][0][i] = exists(i) ? p.in[(row + i) * p.ld_in] : 0;
      edges.first[0][beyond][i] = edges.first[1][beyond][i] =
          exists(i) && is_full ? p.in[(row + i) * p.ld_in + p.cols - 1] : 0;
    }
  }

  __device__ void store(const jacobi_problem& p) const {
    const std::int64_t row = first_row(), col = first_col();
#pragma unroll
    for (int i = Ghosts; i < Ghosts + own; ++i) {
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        if (i < inner_end && j < inner_cols) p.out[(row + i) * p.ld_out + col + j] = u[i][j];
      }
    }
  }

  /// One step; `parity` changes from call to call.
  __device__ void advance(float alpha, warp_edges& edges, int parity) {
    const int lane = threadIdx.x % 32, entry = threadIdx.x / 32 + 1;
    if (lane == 0) write_column(edges.first[parity][entry], 0);
    if (lane == 31) write_column(edges.last[parity][entry], Width - 1);
    __syncthreads();
    // Whole warps have either nothing but inner cells, or some that have to stay as they are.
    const bool whole = inner_begin == 0 && inner_end == Rows && inner_cols == Width;
    if (__all_sync(0xffffffffu, whole)) {
      update<true>(alpha, edges.last[parity][entry - 1], edges.first[parity][entry + 1]);
    } else {
      update<false>(alpha, edges.last[parity][entry - 1], edges.first[parity][entry + 1]);
    }
  }

 private:
  static __device__ int up_to(int most, std::int64_t left) {
    return left < 0 ? 0 : left < most ? int(left) : most;
  }
  static __device__ std::int64_t first_row() {
    return 1 + std::int64_t{blockIdx.x} * own - Ghosts;
  }
  static __device__ std::int64_t first_col() {
    return 1 + std::int64_t{threadIdx.x} * Width;
  }

  __device__ __forceinline__ void write_column(float* to, int column) const {
    if constexpr (Rows % 4 == 0) {
#pragma unroll
      for (int i = 0; i < Rows; i += 4) {
        const float4 four{u[i][column], u[i + 1][column], u[i + 2][column], u[i + 3][column]};
        *reinterpret_cast<float4*>(to + i) = four;
      }
    } else {
#pragma unroll
      for (int i = 0; i < Rows; ++i) to[i] = u[i][column];
    }
  }

  template <bool Whole>
  __device__ __forceinline__ void update(float alpha, const float* left_edge,
                                         const float* right_edge) {
    const int lane = threadIdx.x % 32;
    float up[Width];
#pragma unroll
    for (int j = 0; j < Width; ++j) up[j] = above[j];
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
      float left = __shfl_up_sync(0xffffffffu, u[i][Width - 1], 1);
      float right = __shfl_down_sync(0xffffffffu, u[i][0], 1);
      if (lane == 0) left = left_edge[i];
      if (lane == 31) right = right_edge[i];
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        const float here = u[i][j];
        const float down = i + 1 < Rows ? u[(i + 1) % Rows][j] : below[j];
        const float next =
            heat(here, up[j], down, left, j + 1 < Width ? u[i][(j + 1) % Width] : right, alpha);
        if (Whole || ((i >= Ghosts || i >= inner_begin) && i < inner_end && j < inner_cols))
          u[i][j] = next;
        up[j] = left = here;
      }
    }
  }
};

/// Where edge rows lie in memory: the first and the last row of every band, for even and for odd
/// steps. A row is ordered by warp, then by column of a patch, then by lane: the lanes of a warp
/// touch neighbouring elements, and what a thread touches lies at distances that are constants.
template <class Element>
struct edge_rows {
  Element* memory;
  int bands, columns;

  static std::size_t bytes(int bands, int columns) {
    return std::size_t(bands) * 4 * std::size_t(columns) * sizeof(Element);
  }
  /// This thread's element of the first row of its band: the first of `width`, 32 apart. `columns`
  /// further lie those of the last row, and then those of the next band.
  __device__ Element* of_thread(int step, int width) const {
    const int row = (step % 2 * bands + int(blockIdx.x)) * 2;
    return memory + std::size_t(row) * columns + int(threadIdx.x) / 32 * (32 * width) +
           threadIdx.x % 32;
  }
};

/// The rim of out, by all blocks together.
__device__ inline void copy_rim(const jacobi_problem& p) {
  const std::int64_t begin = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t apart = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t j = begin; j < p.cols; j += apart) {
    p.out[j] = p.in[j];
    p.out[(p.rows - 1) * p.ld_out + j] = p.in[(p.rows - 1) * p.ld_in + j];
  }
  for (std::int64_t i = begin + 1; i + 1 < p.rows; i += apart) {  // the corners are done
    p.out[i * p.ld_out] = p.in[i * p.ld_in];
    p.out[i * p.ld_out + p.cols - 1] = p.in[i * p.ld_in + p.cols - 1];
  }
}

template <class Band, int MaxThreads, class Halo>
__global__ void __launch_bounds__(MaxThreads, 1) band_kernel(jacobi_problem p, Halo of_grid) {
  __shared__ typename Band::warp_edges edges;
  typename Halo::template in_block<Band> halo{of_grid};
  Band mine;
  mine.load(p, edges);
  copy_rim(p);
  for (int step = 1;; ++step) {
    mine.advance(p.alpha, edges, step % 2);
    if (step == p.steps) break;
    if (step % Band::depth == 0) halo.swap(step / Band::depth, mine);
  }
  mine.store(p);
}

/// Bands of one shape, and the most threads that leave their registers to them.
template <int Width, int Rows, int MaxThreads, int Ghosts = 0>
struct band_shape {
  using band = detail::band<Width, Rows, Ghosts>;
  static constexpr int max_threads = MaxThreads;
  static_assert(MaxThreads <= 32 * band::max_warps);
};

using flat_bands = band_shapes<band_shape<4, 2, 512>, band_shape<4, 4, 512>, band_shape<4, 8, 512>,
                               band_shape<4, 12, 512>, band_shape<8, 16, 256>,
                               band_shape<9, 18, 256>, band_shape<8, 12, 384>>;

/// The rung that a Halo makes.
template <class Halo, class Shapes = flat_bands>
struct banded {
  static support supports(const jacobi_problem& p) {
    if (p.is_copy() || choose(p, [](auto, const band_plan&) {})) return {};
    return {"the cells do not fit into the registers of the device"};
  }

  static std::size_t workspace_bytes(const jacobi_problem& p) {
    std::size_t bytes = 0;
    if (!p.is_copy()) {
      choose(p, [&](auto shape, const band_plan& plan) {
        bytes = Halo::bytes(plan.bands, columns(shape, plan));
      });
    }
    return bytes;
  }

  static cudaError_t launch(const jacobi_problem& p, cudaStream_t stream,
                            workspace_view workspace) {
    if (p.is_copy()) return copy_matrix(p, stream);
    cudaError_t status = cudaErrorNotSupported;
    choose(p, [&](auto shape, const band_plan& plan) {
      const int each = columns(shape, plan);
      status = cudaErrorInvalidValue;
      if (lacks(workspace, Halo::bytes(plan.bands, each))) return;
      status = cudaMemsetAsync(workspace.data, 0, Halo::zeroed(plan.bands, each), stream);
      if (status != cudaSuccess) return;
      status = launch_resident(
          kernel_of<decltype(shape)>,
          {.grid = dim3(unsigned(plan.bands)), .block = dim3(plan.threads), .stream = stream}, p,
          Halo(workspace.data, plan.bands, each));
    });
    return status;
  }

 private:
  template <class Shape>
  static constexpr auto kernel_of = band_kernel<typename Shape::band, Shape::max_threads, Halo>;

  /// Elements of what a band tells each of its neighbours.
  template <class Shape>
  static int columns(Shape, const band_plan& plan) {
    return int(plan.threads) * Shape::band::width * Shape::band::depth;
  }

  template <class Visit>
  static bool choose(const jacobi_problem& p, const Visit& visit) {
    const auto plan_of = [&](auto shape) {
      using band = typename decltype(shape)::band;
      return plan_bands(kernel_of<decltype(shape)>, p.rows - 2, p.cols - 2, band::own, band::width,
                        shape.max_threads);
    };
    return choose_bands(Shapes{}, plan_of, visit);
  }
};

}  // namespace warpladder::solver::detail
