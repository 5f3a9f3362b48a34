// SPDX-License-Identifier: Apache-2.0
//
// 12 split_k. Before: 64 x 4096 x 4096 has 16 tiles of 128 x 256 for 132 multiprocessors, and
// stream-K's hand-over through memory costs more than so short a product takes.
//
// Idea: the blocks of a cluster share a tile of C and cut its k. Each leaves its partial sums in
// its own shared memory; then block r adds every r-th part of the rows, over all blocks in their
// order, reading its neighbours' shared memory. One launch, no workspace, equal inputs give equal
// bits. Tiles are small and deep: 64 x 64 or 64 x 128 by 128 bytes of k, in a ring of 4 stages with
// three in flight, 48 to 72 KiB per block.
//
// Bytes, 64 x 4096 x 4096 of bf16: 32 tiles of 64 x 128 by 4 blocks are 128 blocks of 1024 k, that
// read 128 KiB of A and 256 KiB of B each; without cutting, 64 tiles of 64 x 64 read twice that on
// half of the machine. From L2 at 24 bytes per clock and SM: 384 KiB are 9 us.
// Price: a launch with clusters about 1 us, two cluster barriers and a read of 32 KiB from
// neighbours about 1 us.
// Limited by: L2, and the portable cluster size of 8 -> 13 for few rows.
#pragma once

#include <cooperative_groups.h>

#include <algorithm>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/gemm_tc/04_cp_async.cuh>

namespace warpladder::gemm_tc {

template <int BlockM, int BlockN, int WarpM, int WarpN, int Stages, int Blocks>
struct split_k_tuning {
  static constexpr int block_m = BlockM, block_n = BlockN, warp_m = WarpM, warp_n = WarpN;
  static constexpr int depth_bytes = 128, stages = Stages, blocks_per_sm = Blocks;
  static constexpr bool swizzled = true;
  static constexpr int warps = block_m / warp_m * (block_n / warp_n), threads = 32 * warps;
  static constexpr int stride = detail::sums_stride(block_n);  // of the sums in shared memory
};

/// Grid: tiles of C, column after column, times the blocks of a cluster; 1; batch.
template <class Problem, class Tuning, bool AAlongK, bool BAlongK>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    split_k_kernel(Problem p, int log2_blocks) {
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  using input = typename Problem::input;
  using scalar = typename Problem::scalar;
  using tiles = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>;
  using tile_a = typename tiles::a;
  using tile_b = typename tiles::b;
  using copier_a = tile_copier<tile_a, Tuning::threads>;
  using copier_b = tile_copier<tile_b, Tuning::threads>;
  constexpr int strips_a = Tuning::warp_m / 16, strips_b = Tuning::warp_n / 16;
  constexpr int warps_across = Tuning::block_n / Tuning::warp_n;
  constexpr int stage_bytes = tile_a::bytes + tile_b::bytes, stages = Tuning::stages;
  auto* const ring = dynamic_shared<unsigned char>();

  const int blocks = 1 << log2_blocks, rank = int(blockIdx.x) & (blocks - 1);
  const unsigned down = ceil_div<unsigned>(p.m, Tuning::block_m), tile = blockIdx.x >> log2_blocks;
  const std::int64_t block_row = std::int64_t{tile % down} * Tuning::block_m;
  const std::int64_t block_col = std::int64_t{tile / down} * Tuning::block_n;
  const std::int64_t batch = blockIdx.z;
  const int warp = int(threadIdx.x) / 32;
  const int row = warp / warps_across * Tuning::warp_m, col = warp % warps_across * Tuning::warp_n;

  // This block's part of k, in whole tiles.
  const int depth = p.depth(), k_tiles = ceil_div(depth, tiles::block_k);
  const int first_tile = int((std::int64_t{rank} * k_tiles) >> log2_blocks);
  const int last_tile = int((std::int64_t{rank + 1} * k_tiles) >> log2_blocks);
  const std::int64_t first_k = std::int64_t{first_tile} * tiles::block_k;
  const int part =
      int(min(std::int64_t{depth}, std::int64_t{last_tile} * tiles::block_k) - first_k);

  scalar sum[strips_a][strips_b][2][4] = {};
  let_next_kernel_start();
  wait_for_kernels_before();
  if (part > 0) {
    copier_a copy_a(p.a + batch * p.stride_a + first_k * p.a_col(), p.lda, block_row, p.m, part);
    copier_b copy_b(p.b + batch * p.stride_b + first_k * p.b_row(), p.ldb, block_col, p.n, part);
    int to_copy = last_tile - first_tile, writing = 0;
    const auto start_tile = [&] {
      if (to_copy-- > 0) {
        unsigned char* const stage = ring + writing * stage_bytes;
#pragma unroll
        for (int pass = 0; pass < copier_a::passes; ++pass) copy_a.copy(stage, pass);
#pragma unroll
        for (int pass = 0; pass < copier_b::passes; ++pass)
          copy_b.copy(stage + tile_a::bytes, pass);
        copy_a.next_tile();
        copy_b.next_tile();
        writing = writing + 1 == stages ? 0 : writing + 1;
      }
      async_copy_commit();
    };
#pragma unroll 1
    for (int i = 0; i < stages - 1; ++i) start_tile();
    const tile_a read_a(row);
    const tile_b read_b(col);
    int reading = 0;
#pragma unroll 1
    for (int t = first_tile; t < last_tile; ++t) {
      async_copy_wait<stages - 2>();
      __syncthreads();  // the tile is here, and nobody reads the one before it
      start_tile();
      const unsigned char* const stage = ring + reading * stage_bytes;
#pragma unroll
      for (int step = 0; step < tile_a::steps; ++step) {
        unsigned of_a[strips_a][4], of_b[strips_b][4];
#pragma unroll
        for (int i = 0; i < strips_a; ++i) read_a.load(of_a[i], stage, i, step);
#pragma unroll
        for (int j = 0; j < strips_b; ++j) read_b.load(of_b[j], stage + tile_a::bytes, j, step);
#pragma unroll
        for (int i = 0; i < strips_a; ++i)
#pragma unroll
          for (int j = 0; j < strips_b; ++j)
#pragma unroll
            for (int half = 0; half < 2; ++half)
              warp_mma<input>::multiply_add(sum[i][j][half], of_a[i],
                                            {of_b[j][2 * half], of_b[j][2 * half + 1]});
      }
      reading = reading + 1 == stages ? 0 : reading + 1;
    }
    async_copy_wait<0>();
    __syncthreads();  // the ring is free for the sums
  }

  auto* const sums = dynamic_shared<scalar>();
#pragma unroll
  for (int i = 0; i < strips_a; ++i)
    detail::spread_strip<tile_a, tile_b>(sum[i], sums + (row + 16 * i) * Tuning::stride + col,
                                         Tuning::stride);

  // A warp takes a row; lanes four columns.
  using total_t = std::conditional_t<std::is_integral_v<scalar>, unsigned, scalar>;
  struct alignas(16) quad {
    scalar x[4];
  };
  const auto cluster = cooperative_groups::this_cluster();
  cluster.sync();
  const int rows = int(min(p.m - block_row, std::int64_t{Tuning::block_m}));
#pragma unroll 1
  for (int r = (warp << log2_blocks) + rank; r < rows; r += Tuning::warps << log2_blocks) {
    scalar* const line = sums + r * Tuning::stride;
    for (int c = int(threadIdx.x) % 32 * 4; c < Tuning::block_n; c += 128) {
      total_t total[4] = {};
#pragma unroll 4
      for (int block = 0; block < blocks; ++block) {
        const quad part = *reinterpret_cast<const quad*>(cluster.map_shared_rank(line + c, block));
#pragma unroll
        for (int i = 0; i < 4; ++i) total[i] += part.x[i];
      }
      const quad all{scalar(total[0]), scalar(total[1]), scalar(total[2]), scalar(total[3])};
      *reinterpret_cast<quad*>(line + c) = all;  // which nobody else reads
    }
    __syncwarp();
    detail::finish_rows<1, Tuning::block_n>(p, line, Tuning::stride, block_row + r, block_col,
                                            batch);
  }
  cluster.sync();  // nobody leaves while a neighbour still reads its shared memory
#else
  __trap();
#endif
}

struct split_k {
  static constexpr rung_info info{
      .step = 12,
      .name = "split_k",
      .idea = "a cluster cuts k, and adds up in distributed shared memory",
      .min_compute_capability = 90};
  using narrow = split_k_tuning<64, 64, 32, 32, 4, 3>;
  using wide = split_k_tuning<64, 128, 32, 32, 4, 2>;
  static constexpr int max_log2_blocks = 3;  // clusters of 8: what every device with them can do

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.m * p.n > std::int64_t{1} << 28) return {"C is large: cutting k has nothing to win"};
    return cp_async::supports(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    return p.m <= 64 && p.n > 4096
               ? launch_tuned<wide>(p, stream, log2_blocks<wide>(p, device))
               : launch_tuned<narrow>(p, stream, log2_blocks<narrow>(p, device));
  }

  /// About half as many blocks as fit on the device, none without a tile of k.
  template <class Tuning, class Problem>
  static int log2_blocks(const Problem& p, const device_facts& device) {
    const std::int64_t tiles = ceil_div<std::int64_t>(p.m, Tuning::block_m) *
                               ceil_div<std::int64_t>(p.n, Tuning::block_n) * p.batch;
    const std::int64_t k_bytes = std::int64_t{p.depth()} * sizeof(typename Problem::input);
    int log2 = 0;
    while (log2 < max_log2_blocks && k_bytes >> (log2 + 1) >= Tuning::depth_bytes &&
           20 * (tiles << log2) < 9 * Tuning::blocks_per_sm * device.multiprocessors)
      ++log2;
    return log2;
  }

  template <class Tuning, class Problem>
  static cudaError_t launch_tuned(const Problem& p, cudaStream_t stream, int log2_blocks) {
    const auto tiles =
        ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n);
    return detail::with_contiguity(p, [&]<bool AAlongK, bool BAlongK>() {
      using shapes = mma_sync_tiles<Problem, Tuning, AAlongK, BAlongK>;
      constexpr int shared_bytes =
          std::max(Tuning::stages * (shapes::a::bytes + shapes::b::bytes),
                   Tuning::block_m * Tuning::stride * int{sizeof(typename Problem::scalar)});
      return warpladder::launch_kernel(
          split_k_kernel<Problem, Tuning, AAlongK, BAlongK>,
          {.grid = dim3(unsigned(tiles << log2_blocks), 1, unsigned(p.batch)),
           .block = dim3(Tuning::threads),
           .shared_bytes = shared_bytes,
           .stream = stream,
           .cluster = 1u << log2_blocks,
           .overlaps_kernel_before = true},
          p, log2_blocks);
    });
  }
};

}  // namespace warpladder::gemm_tc
