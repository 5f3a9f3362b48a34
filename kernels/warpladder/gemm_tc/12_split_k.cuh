// SPDX-License-Identifier: Apache-2.0
//
// 12 split_k. Before: 64 x 4096 x 4096 has 16 tiles of 128 x 256, half of each empty, for 132
// multiprocessors; stream-K's hand-over through memory costs more than so short a product takes.
//
// Idea: the blocks of a cluster share a tile of C and cut its k. Each leaves its partial sums in
// its own shared memory; then every block adds a part of the tile over all blocks in their order,
// reading its neighbours' shared memory. One launch, no workspace, equal inputs give equal bits.
// The inner loop is that of 07 on a tile of 64 x 64, or of 64 x 32 or x 16 where one side of C is
// that short: C^T = B^T A^T if it is the rows. The ring fills a multiprocessor's shared memory, for
// two blocks of a cluster that fit into one are put there, and half of the chip stays idle.
//
// Bytes, 64 x 4096 x 4096 of bf16: 64 tiles by 2 blocks are 128 blocks of 2048 k, that read 256 KiB
// of each operand. A multiprocessor takes 64 bytes a clock from L2: 8192 clocks, 4.7 us, and 2 us
// to start and to fill the ring. Price: two cluster barriers and a read of 16 KiB from a
// neighbour, 1.5 us. Limited by: L2, which 128 blocks ask for 64 MiB in all, of 33 that are there.
// (Development runs: tiles of 128 x 64 cut by 4 are 128 blocks too and read a quarter less, but
// took 13.3 us for 11.1: clusters of four fit 120 at a time, so the last ones ran alone. Two blocks
// per multiprocessor: 20 us. With mma.sync, fragments and cp.async in the place of wgmma and the
// copy engine 15 us, and for 8-bit floats, half the bytes, 16.)
#pragma once

#include <cooperative_groups.h>

#include <utility>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/ring.hpp>
#include <warpladder/gemm_tc/detail/warpgroup_operand.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

/// x is the operand along the longer side of C, y the other one. Panels: a buffer of the ring holds
/// so many times 128 bytes of k. Where both operands have k contiguous, one request brings two
/// lines of each row of x, and there are half as many to wait for.
template <int BlockX, int BlockY, int Panels>
struct split_k_tuning {
  static constexpr int block_x = BlockX, block_y = BlockY, panels = Panels;
  static constexpr int multipliers = block_x / 64 * 128, threads = multipliers + 32;
  static constexpr int pitch = block_x + 4;  // of the sums: 4 columns of 8 rows hit 32 banks
  static constexpr int tile_bytes = (block_x + block_y) * panels * 128;
  static constexpr int stages = (192 << 10) / tile_bytes, shared_bytes = stages * tile_bytes;
};

/// Grid: tiles of C times the blocks of a cluster, batch.
template <class Tuning, operand_major MajorX, operand_major MajorY, class Problem>
__global__ void __launch_bounds__(Tuning::threads)
    split_k_kernel(Problem p, bool x_is_a, unsigned blocks,
                   const __grid_constant__ detail::operand_map map_x,
                   const __grid_constant__ detail::operand_map map_y) {
#if defined(WARPLADDER_HOST_EXECUTOR) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
  using input = typename Problem::input;
  using scalar = typename Problem::scalar;
  using tuning = Tuning;
  using tile_x = detail::warpgroup_operand<input, tuning::block_x, MajorX, tuning::panels>;
  using tile_y = detail::warpgroup_operand<input, tuning::block_y, MajorY, tuning::panels>;
  constexpr int stages = tuning::stages, stage_bytes = tile_x::bytes + tile_y::bytes;

  __shared__ transaction_barrier full[stages], empty[stages];
  auto* const ring = dynamic_shared<unsigned char>();

  const std::int64_t extent_x = x_is_a ? p.m : p.n, extent_y = x_is_a ? p.n : p.m;
  const unsigned tiles_x = unsigned(ceil_div<std::int64_t>(extent_x, tuning::block_x));
  const unsigned rank = blockIdx.x % blocks, tile = blockIdx.x / blocks;
  const int first_x = int(tile % tiles_x) * tuning::block_x;
  const int first_y = int(tile / tiles_x) * tuning::block_y;
  const int batch = int(blockIdx.y), thread = int(threadIdx.x);

  // This block's part of k, in tiles.
  const std::int64_t tiles_k = ceil_div(p.depth(), tile_x::depth);
  const int first_tile = int(rank * tiles_k / blocks);
  const int last_tile = int((rank + 1) * tiles_k / blocks);

  if (thread == 0) {
    allow_any_values(ring, stages * stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(tuning::multipliers / 32);
    if (p.depth() > 0) detail::prefetch_operand(map_x), detail::prefetch_operand(map_y);
  }
  __syncthreads();
  let_next_kernel_start();
  wait_for_kernels_before();

  scalar sum[tuning::block_y / 2] = {};
  detail::ring_position<stages> at;
  if (thread == tuning::multipliers) {
    const int matrix_x = (x_is_a ? p.stride_a : p.stride_b) == 0 ? 0 : batch;
    const int matrix_y = (x_is_a ? p.stride_b : p.stride_a) == 0 ? 0 : batch;
    const unsigned bytes =
        tile_x::bytes_inside(first_x, extent_x) + tile_y::bytes_inside(first_y, extent_y);
    for (int tile = first_tile; tile < last_tile; ++tile) {
      unsigned char* const stage = ring + at.stage * stage_bytes;
      transaction_barrier& landed = full[at.stage];
      empty[at.stage].wait(at.parity ^ 1);
      landed.arrive_and_expect(bytes);
      tile_x::request(stage, map_x, first_x, extent_x, tile * tile_x::depth, matrix_x, landed);
      tile_y::request(stage + tile_x::bytes, map_y, first_y, extent_y, tile * tile_x::depth,
                      matrix_y, landed);
      at.advance();
    }
  } else if (thread < tuning::multipliers) {
    warpgroup_products products;
    int previous = -1;
    for (int tile = first_tile; tile < last_tile; ++tile) {
      const unsigned char* const stage = ring + at.stage * stage_bytes;
      full[at.stage].wait(at.parity);
      products.begin();
#pragma unroll
      for (int step = 0; step < tile_x::k_steps; ++step)
        products.start<input, tuning::block_y, MajorX, MajorY>(
            sum, tile_x::at(stage, thread / 128 * 64, step),
            tile_y::at(stage + tile_x::bytes, 0, step), true);
      products.commit();
      products.wait<1>();
      __syncwarp();
      if (previous >= 0 && thread % 32 == 0) empty[previous].arrive();
      previous = at.stage;
      at.advance();
    }
    products.wait<0>();
  }
  __syncthreads();  // everything has landed and is multiplied: the sums take the ring's place

  auto* const sums = dynamic_shared<scalar>();
  if (thread < tuning::multipliers) {
#pragma unroll
    for (int i = 0; i < tuning::block_y / 2; ++i)
      sums[warpgroup_sum_col(thread % 128, i) * tuning::pitch + thread / 128 * 64 +
           warpgroup_sum_row(thread % 128, i)] = sum[i];
  }
  const auto cluster = cooperative_groups::this_cluster();
  cluster.sync();

  struct alignas(16) quad {
    scalar x[4];
  };
  constexpr int quads_across = tuning::block_x / 4;
  const int quads = int(min(extent_y - first_y, std::int64_t{tuning::block_y})) * quads_across;
#pragma unroll 2
  for (int i = int(rank) * tuning::threads + thread; i < quads;
       i += int(blocks) * tuning::threads) {
    const int x = i % quads_across * 4, y = i / quads_across;
    quad total = {};
#pragma unroll 4
    for (unsigned block = 0; block < blocks; ++block) {
      const quad part = *reinterpret_cast<const quad*>(
          cluster.map_shared_rank(sums + y * tuning::pitch + x, block));
#pragma unroll
      for (int j = 0; j < 4; ++j) total.x[j] = wrapping_add(total.x[j], part.x[j]);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const std::int64_t at_x = first_x + x + j, at_y = first_y + y;
      if (at_x < extent_x) finish(p, total.x[j], x_is_a ? at_x : at_y, x_is_a ? at_y : at_x, batch);
    }
  }
  if (blocks > 1) cluster.sync();  // nobody leaves while a neighbour reads its shared memory
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
  static constexpr int block_x = 64;

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.m * p.n > std::int64_t{1} << 28) return {"C is large: cutting k has nothing to win"};
    if (p.batch > 65535) return {"batch exceeds grid.y"};
    return detail::supports_warpgroups(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  /// Rows of y in the tile that a problem gets.
  template <class Problem>
  static int block_y(const Problem& p) {
    const bool k_contiguous = x_is_a(p) ? p.trans_b == transpose::yes : p.trans_a == transpose::no;
    const std::int64_t extent_y = std::min(p.m, p.n);
    return !k_contiguous || extent_y > 32 ? 64 : extent_y > 16 ? 32 : 16;
  }

  template <class Problem>
  static std::int64_t tiles(const Problem& p) {
    return ceil_div<std::int64_t>(std::max(p.m, p.n), block_x) *
           ceil_div<std::int64_t>(std::min(p.m, p.n), block_y(p)) * p.batch;
  }

  /// Blocks per tile: as many as run at once, but none with less than 256 bytes of k. Clusters of
  /// four or eight need neighbours, which some multiprocessors lack: 120 of 132 on an H100.
  template <class Problem>
  static int blocks_per_tile(const Problem& p, const device_facts& device) {
    const std::int64_t k_bytes = std::int64_t{p.depth()} * sizeof(typename Problem::input);
    const auto fit = [&](int blocks) {
      return blocks <= 2 ? device.multiprocessors : device.multiprocessors * 10 / 11;
    };
    int blocks = 1;
    while (blocks < 8 && k_bytes / (2 * blocks) >= 256 && tiles(p) * 2 * blocks <= fit(2 * blocks))
      blocks *= 2;
    return blocks;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const int blocks = blocks_per_tile(p, device);
    const auto start = [&]<operand_major MajorA, operand_major MajorB>() {
      return x_is_a(p) ? start_as<MajorA, MajorB>(p, stream, blocks)
                       : start_as<MajorB, MajorA>(p, stream, blocks);
    };
    return detail::with_majors(p, start);
  }

 private:
  template <class Problem>
  static bool x_is_a(const Problem& p) {
    return p.m > p.n;
  }

  template <operand_major MajorX, operand_major MajorY, class Problem>
  static cudaError_t start_as(const Problem& p, cudaStream_t stream, int blocks) {
    if constexpr (MajorY == operand_major::k) {
      if (block_y(p) == 16) return start_tiles<16, MajorX, MajorY>(p, stream, blocks);
      if (block_y(p) == 32) return start_tiles<32, MajorX, MajorY>(p, stream, blocks);
    }
    return start_tiles<64, MajorX, MajorY>(p, stream, blocks);
  }

  template <int BlockY, operand_major MajorX, operand_major MajorY, class Problem>
  static cudaError_t start_tiles(const Problem& p, cudaStream_t stream, int blocks) {
    using enum operand_major;
    using tuning = split_k_tuning<block_x, BlockY, MajorX == k && MajorY == k ? 2 : 1>;
    using input = typename Problem::input;
    using tile_x = detail::warpgroup_operand<input, tuning::block_x, MajorX, tuning::panels>;
    using tile_y = detail::warpgroup_operand<input, tuning::block_y, MajorY, tuning::panels>;
    detail::operand_map map_x = {}, map_y = {};
    const cudaError_t status = x_is_a(p)
                                   ? detail::make_operand_maps<tile_x, tile_y>(map_x, map_y, p)
                                   : detail::make_operand_maps<tile_y, tile_x>(map_y, map_x, p);
    if (status != cudaSuccess) return status;
    return warpladder::launch_kernel(
        split_k_kernel<tuning, MajorX, MajorY, Problem>,
        {.grid = dim3(unsigned(tiles(p) / p.batch * blocks), unsigned(p.batch)),
         .block = dim3(tuning::threads),
         .shared_bytes = tuning::shared_bytes,
         .stream = stream,
         .cluster = unsigned(blocks),
         .overlaps_kernel_before = true},
        p, x_is_a(p), unsigned(blocks), map_x, map_y);
  }
};

}  // namespace warpladder::gemm_tc
