// SPDX-License-Identifier: Apache-2.0
//
// 04 cp_async. Before: a block either waited for a tile or multiplied it, and every byte passed
// through registers on its way to shared memory.
//
// Idea: overlap everything, with what compute capability 8.0 has. Three levels of it:
//   * tiles: cp.async fills a ring of 4 stages, three tiles ahead, in single copies between the
//     mma;
//   * fragments: those of the next step are loaded while this step's are multiplied;
//   * the barrier: it stands in the middle of a tile's last step, so that the tensor cores have mma
//     to do while warps wait for each other, and for the first fragments of the next tile.
// The ends of k and of the width cost nothing: a copy takes the bytes that exist and zeros instead
// of the others. So only rows have to be aligned to 16 bytes.
// The tile is 128 x 256, a warp's 64 x 64: a step of 32 bytes of k loads 8 x 512 bytes for 32 mma,
// 8 x 32 = 256 clocks of shared memory per block, and 96 to write the copies, for 8 x 32 x 8 / 4 =
// 512 clocks of an A100's tensor cores. Blocks of one wave form a square of C, roughly: 16 tiles
// down by 8 across read (16 x 128 + 8 x 256) rows of k, and L2 gives them to all.
// Prediction: 80 to 90% of the peak of an A100. Hopper's tensor cores take mma.sync at about 60% of
// their peak, which no care can change.
// Limited by: mma.sync itself on compute capability 9.0 -> 05 wgmma.
#pragma once

#include <algorithm>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/gemm_tc/02_mma_sync.cuh>

namespace warpladder::gemm_tc {

struct cp_async_tuning {
  static constexpr int block_m = 128, block_n = 256, warp_m = 64, warp_n = 64;
  static constexpr int depth_bytes = 64, stages = 4, group_rows = 16, blocks_per_sm = 1;
  static constexpr bool swizzled = true;
  static constexpr int warps = block_m / warp_m * (block_n / warp_n), threads = 32 * warps;
};

/// One thread's share in copying an operand's tiles, one after the other along k.
template <class Tile, int Threads>
class tile_copier {
 public:
  static constexpr int pass_rows = Threads / Tile::row_pieces, passes = Tile::rows / pass_rows;
  static_assert(Tile::rows % pass_rows == 0);

  template <class In>
  __device__ __forceinline__ tile_copier(const In* base, std::int64_t ld, std::int64_t first_width,
                                         std::int64_t width, int depth) {
    const int row = int(threadIdx.x) / Tile::row_pieces,
              piece = int(threadIdx.x) % Tile::row_pieces;
    const int element = piece * Tile::piece_elements, width_left = int(width - first_width);
    to_ = Tile::offset(row, piece);
    from_ = reinterpret_cast<const char*>(base + (Tile::along_k ? first_width + row : row) * ld +
                                          (Tile::along_k ? element : first_width + element));
    pass_bytes_ = pass_rows * ld * std::int64_t{sizeof(In)};
    tile_bytes_ = Tile::along_k ? Tile::row_bytes : Tile::rows * ld * std::int64_t{sizeof(In)};
    rows_left_ = (Tile::along_k ? width_left : depth) - row;
    elements_left_ = (Tile::along_k ? depth : width_left) - element;
  }

  /// One of `passes` copies of the tile.
  __device__ __forceinline__ void copy(unsigned char* shared, int pass) const {
    constexpr int element_bytes = 16 / Tile::piece_elements;
    const int elements = max(0, min(elements_left_, Tile::piece_elements));
    async_copy_part(shared + to_ + pass * pass_rows * Tile::row_bytes, from_ + pass * pass_bytes_,
                    pass * pass_rows < rows_left_ ? elements * element_bytes : 0);
  }

  __device__ __forceinline__ void next_tile() {
    from_ += tile_bytes_;
    (Tile::along_k ? elements_left_ : rows_left_) -= Tile::depth;
  }

 private:
  const char* from_;
  std::int64_t pass_bytes_, tile_bytes_;
  int to_, rows_left_, elements_left_;
};

/// Dynamic shared memory of a block: the ring, then the sums on their way out.
template <class Problem, class Tuning, bool AAlongK, bool BAlongK>
constexpr int cp_async_shared_bytes = [] {
  using tiles = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>;
  return std::max(tiles::shared_bytes, Tuning::stages * (tiles::a::bytes + tiles::b::bytes));
}();

/// Computes the tile of C that begins at (block_row, block_col). All threads of a block call it.
template <class Tuning, bool AAlongK, bool BAlongK, class Problem>
__device__ __forceinline__ void cp_async_tile(const Problem& p, std::int64_t block_row,
                                              std::int64_t block_col, std::int64_t batch) {
  using input = typename Problem::input;
  using tiles = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>;
  using tile_a = typename tiles::a;
  using tile_b = typename tiles::b;
  using copier_a = tile_copier<tile_a, Tuning::threads>;
  using copier_b = tile_copier<tile_b, Tuning::threads>;
  constexpr int strips_a = Tuning::warp_m / 16, strips_b = Tuning::warp_n / 16;
  constexpr int warps_across = Tuning::block_n / Tuning::warp_n;
  constexpr int steps = tile_a::steps, stage_bytes = tile_a::bytes + tile_b::bytes;
  constexpr int ring_bytes = Tuning::stages * stage_bytes;
  static_assert(steps % 2 == 0,
                "the fragments of a tile's first step are always in the same buffer");
  static_assert(copier_a::passes + copier_b::passes <= steps * strips_a,
                "all copies of a tile are started between two barriers");
  auto* const ring = dynamic_shared<unsigned char>();

  const int warp = int(threadIdx.x) / 32;
  const int row = warp / warps_across * Tuning::warp_m, col = warp % warps_across * Tuning::warp_n;

  typename Problem::scalar sum[strips_a][strips_b][2][4] = {};
  if (const int depth = p.depth(); depth > 0) {
    copier_a copy_a(p.a + batch * p.stride_a, p.lda, block_row, p.m, depth);
    copier_b copy_b(p.b + batch * p.stride_b, p.ldb, block_col, p.n, depth);
    const auto copy = [&](unsigned char* stage, int pass) {
      if (pass < copier_a::passes) {
        copy_a.copy(stage, pass);
      } else if (pass < copier_a::passes + copier_b::passes) {
        copy_b.copy(stage + tile_a::bytes, pass - copier_a::passes);
      }
    };
    const auto close_tile = [&] {
      copy_a.next_tile();
      copy_b.next_tile();
      async_copy_commit();
    };

    const tile_a read_a(row);
    const tile_b read_b(col);
    unsigned of_a[2][strips_a][4] = {}, of_b[2][strips_b][4] = {};
    const auto load = [&](const unsigned char* stage, int step) {
#pragma unroll
      for (int i = 0; i < strips_a; ++i) read_a.load(of_a[step % 2][i], stage, i, step);
#pragma unroll
      for (int j = 0; j < strips_b; ++j)
        read_b.load(of_b[step % 2][j], stage + tile_a::bytes, j, step);
    };

#pragma unroll
    for (int stage = 0; stage < Tuning::stages - 1; ++stage) {
#pragma unroll
      for (int pass = 0; pass < copier_a::passes + copier_b::passes; ++pass)
        copy(ring + stage * stage_bytes, pass);
      close_tile();
    }
    async_copy_wait<Tuning::stages - 2>();
    __syncthreads();

    const auto multiply = [&](int step, int i) {
#pragma unroll
      for (int j = 0; j < strips_b; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const auto& b = of_b[step % 2][j];
          warp_mma<input>::multiply_add(sum[i][j][half], of_a[step % 2][i],
                                        {b[2 * half], b[2 * half + 1]});
        }
      }
    };

    // An iteration begins behind the barrier, with what is left of the tile before it. Of the first
    // tile those are zeros; so are copies beyond the end of k, which nobody multiplies.
    int reading = 0, writing = ring_bytes - stage_bytes;
    for (int left = depth; left > 0; left -= tiles::block_k) {
      int pass = 0;
      load(ring + reading, 0);
#pragma unroll
      for (int i = strips_a / 2; i < strips_a; ++i) {
        multiply(steps - 1, i);
        copy(ring + writing, pass++);
      }
#pragma unroll
      for (int step = 0; step < steps; ++step) {
        if (step + 1 < steps) load(ring + reading, step + 1);
#pragma unroll
        for (int i = 0; i < (step + 1 < steps ? strips_a : strips_a / 2); ++i) {
          multiply(step, i);
          copy(ring + writing, pass++);
        }
      }
      close_tile();
      writing = reading;
      reading = reading + stage_bytes == ring_bytes ? 0 : reading + stage_bytes;
      async_copy_wait<Tuning::stages - 2>();  // this thread's part of the next tile is here,
      __syncthreads();  // and everyone's; nobody reads the tile before it any more
    }
#pragma unroll
    for (int i = strips_a / 2; i < strips_a; ++i) multiply(steps - 1, i);
    async_copy_wait<0>();
    __syncthreads();  // the ring is free
  }

  auto* const sums = dynamic_shared<typename Problem::scalar>() + warp * tiles::warp_sums;
  detail::finish_fragments<tile_a, tile_b>(p, sum, sums, block_row + row, block_col + col, batch);
}

template <class Problem, class Tuning, bool AAlongK, bool BAlongK>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    cp_async_kernel(Problem p) {
  // Tiles in groups of rows, column after column of a group.
  const unsigned down = ceil_div<unsigned>(p.m, Tuning::block_m);
  const unsigned across = ceil_div<unsigned>(p.n, Tuning::block_n);
  const unsigned group = blockIdx.x / (Tuning::group_rows * across);
  const unsigned in_group = blockIdx.x % (Tuning::group_rows * across);
  const unsigned first_down = group * Tuning::group_rows;
  const unsigned group_down = min(down - first_down, unsigned{Tuning::group_rows});
  const std::int64_t block_row = std::int64_t{first_down + in_group % group_down} * Tuning::block_m;
  const std::int64_t block_col = std::int64_t{in_group / group_down} * Tuning::block_n;
  const std::int64_t batch = detail::product_of_block();
  if (batch < p.batch) cp_async_tile<Tuning, AAlongK, BAlongK>(p, block_row, block_col, batch);
}

struct cp_async {
  static constexpr rung_info info{.step = 4,
                                  .name = "cp_async",
                                  .idea = "four stages of asynchronous copies, two of fragments",
                                  .min_compute_capability = 80};
  using tuning = cp_async_tuning;

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.depth() > 0 && !detail::has_aligned_rows(p.a, p.lda, p.batch > 1 ? p.stride_a : 0))
      return {"a and its rows must be aligned to 16 bytes"};
    if (p.depth() > 0 && !detail::has_aligned_rows(p.b, p.ldb, p.batch > 1 ? p.stride_b : 0))
      return {"b and its rows must be aligned to 16 bytes"};
    return detail::fits_grid<tuning::block_m, tuning::block_n>(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    return detail::with_contiguity(p, [&]<bool AAlongK, bool BAlongK>() {
      return warpladder::launch_kernel(
          cp_async_kernel<Problem, tuning, AAlongK, BAlongK>,
          {.grid = detail::tile_grid<tuning::block_m, tuning::block_n>(p),
           .block = dim3(tuning::threads),
           .shared_bytes = cp_async_shared_bytes<Problem, tuning, AAlongK, BAlongK>,
           .stream = stream},
          p);
    });
  }
};

}  // namespace warpladder::gemm_tc
