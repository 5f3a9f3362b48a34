// SPDX-License-Identifier: Apache-2.0
//
// 02 mma_sync. Before: wmma keeps its fragments' layout to itself, so every one was copied into
// shared memory in a layout that load_matrix_sync accepts, element by element, whatever A and B
// looked like.
//
// Idea: the instructions behind wmma. mma.sync documents which lane holds which element, ldmatrix
// loads four 8 x 8 matrices of 16-bit elements in that layout at once, turned over if asked. Tiles
// then lie in shared memory as they lie in global memory, and move by 16 bytes: all transposes, no
// shuffling of elements. 8-bit elements are turned over by pairs and sorted with two byte
// permutations (detail/operand_tile.cuh); 32-bit ones need no ldmatrix.
// A block computes 128 x 128, a warp 64 x 32, by 64 bytes of k: per step of 32 bytes a warp loads 6
// x 512 bytes for 16 mma.
// Limited by: bank conflicts. 8 rows that ldmatrix reads at once lie 64 bytes apart if k is
// contiguous: they share 2 of the 8 places in 128 bytes, and 4 accesses are made of one. If the
// width is contiguous they are 256 bytes apart: 8 of one. Prediction for bf16: per step and block 8
// warps x (4 x 4 x 4 + 2 x 4 x 8) = 1024 clocks of shared memory for 8 x 16 x 8 / 4 = 256 clocks of
// the tensor cores of an A100: a quarter of the peak -> 03 swizzled.
#pragma once

#include <algorithm>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/finish_rows.cuh>
#include <warpladder/gemm_tc/detail/operand_tile.cuh>
#include <warpladder/gemm_tc/detail/tile_grid.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

struct mma_sync_tuning {
  static constexpr int block_m = 128, block_n = 128, warp_m = 64, warp_n = 32;
  static constexpr int depth_bytes = 64, blocks_per_sm = 2;
  static constexpr bool swizzled = false;
  static constexpr int warps = block_m / warp_m * (block_n / warp_n), threads = 32 * warps;
};

/// The tiles of a problem's operands, and what a block needs of shared memory: for the tiles, and
/// afterwards for the sums.
template <class Problem, class Tuning, bool AAlongK, bool BAlongK>
struct mma_sync_tiles {
  using input = typename Problem::input;
  static constexpr int block_k = Tuning::depth_bytes / int{sizeof(input)};
  using a = detail::operand_tile<detail::operand::a, input, Tuning::block_m, block_k, AAlongK,
                                 Tuning::swizzled>;
  using b = detail::operand_tile<detail::operand::b, input, Tuning::block_n, block_k, BAlongK,
                                 Tuning::swizzled>;
  static constexpr int warp_sums = 16 * detail::sums_stride(Tuning::warp_n);
  static constexpr int shared_bytes = std::max(
      a::bytes + b::bytes, Tuning::warps* warp_sums* int{sizeof(typename Problem::scalar)});
};

/// Copies a tile from (first_width, first_k) on; zeros beyond `width` and `k`.
template <class Tile, int Threads, class In>
__device__ __forceinline__ void stage_tile(unsigned char* shared, const In* from, std::int64_t ld,
                                           bool aligned, std::int64_t first_width,
                                           std::int64_t width, std::int64_t first_k,
                                           std::int64_t k) {
  constexpr int pass_rows = Threads / Tile::row_pieces;
  static_assert(Tile::rows % pass_rows == 0);
  const int first = int(threadIdx.x) / Tile::row_pieces;
  const int piece = int(threadIdx.x) % Tile::row_pieces;
  const std::int64_t first_row = Tile::along_k ? first_width : first_k;
  const std::int64_t rows = Tile::along_k ? width : k, elements = Tile::along_k ? k : width;
  const std::int64_t element =
      (Tile::along_k ? first_k : first_width) + std::int64_t{piece} * Tile::piece_elements;
  uint4 words[Tile::rows / pass_rows];
#pragma unroll
  for (int i = 0; i < Tile::rows / pass_rows; ++i) {
    const std::int64_t row = first_row + first + i * pass_rows;
    words[i] =
        detail::load_piece(from + row * ld + element, row < rows ? elements - element : 0, aligned);
  }
#pragma unroll
  for (int i = 0; i < Tile::rows / pass_rows; ++i)
    *reinterpret_cast<uint4*>(shared + Tile::offset(first + i * pass_rows, piece)) = words[i];
}

template <class Problem, class Tuning, bool AAlongK, bool BAlongK>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    mma_sync_kernel(Problem p) {
  using input = typename Problem::input;
  using tiles = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>;
  using tile_a = typename tiles::a;
  using tile_b = typename tiles::b;
  constexpr int strips_a = Tuning::warp_m / 16, strips_b = Tuning::warp_n / 16;
  constexpr int warps_across = Tuning::block_n / Tuning::warp_n;
  auto* const shared_a = dynamic_shared<unsigned char>();
  auto* const shared_b = shared_a + tile_a::bytes;

  const unsigned tiles_across = ceil_div<unsigned>(p.n, Tuning::block_n);
  const std::int64_t block_row = std::int64_t(blockIdx.x / tiles_across) * Tuning::block_m;
  const std::int64_t block_col = std::int64_t(blockIdx.x % tiles_across) * Tuning::block_n;
  const std::int64_t batch = detail::product_of_block();
  if (batch >= p.batch) return;
  const int warp = int(threadIdx.x) / 32;
  const int row = warp / warps_across * Tuning::warp_m, col = warp % warps_across * Tuning::warp_n;

  const input* const a = p.a + batch * p.stride_a;
  const input* const b = p.b + batch * p.stride_b;
  const bool a_aligned = detail::has_aligned_rows(p.a, p.lda, p.batch > 1 ? p.stride_a : 0);
  const bool b_aligned = detail::has_aligned_rows(p.b, p.ldb, p.batch > 1 ? p.stride_b : 0);
  const tile_a read_a(row);
  const tile_b read_b(col);

  typename Problem::scalar sum[strips_a][strips_b][2][4] = {};
  const int depth = p.depth();
  for (std::int64_t k = 0; k < depth; k += tiles::block_k) {
    stage_tile<tile_a, Tuning::threads>(shared_a, a, p.lda, a_aligned, block_row, p.m, k, depth);
    stage_tile<tile_b, Tuning::threads>(shared_b, b, p.ldb, b_aligned, block_col, p.n, k, depth);
    __syncthreads();
#pragma unroll
    for (int step = 0; step < tile_a::steps; ++step) {
      unsigned of_a[strips_a][4], of_b[strips_b][4];
#pragma unroll
      for (int i = 0; i < strips_a; ++i) read_a.load(of_a[i], shared_a, i, step);
#pragma unroll
      for (int j = 0; j < strips_b; ++j) read_b.load(of_b[j], shared_b, j, step);
#pragma unroll
      for (int i = 0; i < strips_a; ++i) {
#pragma unroll
        for (int j = 0; j < strips_b; ++j) {
#pragma unroll
          for (int half = 0; half < 2; ++half)
            warp_mma<input>::multiply_add(sum[i][j][half], of_a[i],
                                          {of_b[j][2 * half], of_b[j][2 * half + 1]});
        }
      }
    }
    __syncthreads();
  }

  auto* const sums =
      dynamic_shared<typename Problem::scalar>() + warp * tiles::warp_sums;  // the tiles are done
  detail::finish_fragments<tile_a, tile_b>(p, sum, sums, block_row + row, block_col + col, batch);
}

namespace detail {

template <class Tuning, class Problem>
cudaError_t launch_mma_sync(const Problem& p, cudaStream_t stream) {
  using input = typename Problem::input;
  static_assert(first_compute_capability<input> == warp_mma<input>::min_compute_capability);
  if (p.is_empty()) return cudaSuccess;
  return with_contiguity(p, [&]<bool AAlongK, bool BAlongK>() {
    return warpladder::launch_kernel(
        mma_sync_kernel<Problem, Tuning, AAlongK, BAlongK>,
        {.grid = tile_grid<Tuning::block_m, Tuning::block_n>(p),
         .block = dim3(Tuning::threads),
         .shared_bytes = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>::shared_bytes,
         .stream = stream},
        p);
  });
}

}  // namespace detail

struct mma_sync {
  static constexpr rung_info info{.step = 2,
                                  .name = "mma_sync",
                                  .idea = "the instructions behind wmma: ldmatrix and mma.sync",
                                  .min_compute_capability = 80};
  using tuning = mma_sync_tuning;

  template <class Problem>
  static support supports(const Problem& p) {
    return detail::fits_grid<tuning::block_m, tuning::block_n>(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    return detail::launch_mma_sync<tuning>(p, stream);
  }
};

}  // namespace warpladder::gemm_tc
