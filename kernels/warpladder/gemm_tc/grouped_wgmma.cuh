// SPDX-License-Identifier: Apache-2.0
//
// Grouped products on Hopper. A launch per group, as cublasLt has it, needs the host to know the
// sizes, so it waits for the routing; and each launch ends in a wave that is not full: 64 experts
// of 96 rows and 1408 columns are 64 times 6 tiles for 132 multiprocessors.
//
// Idea: the kernel of 10 over the tiles of all groups in a row, which the device itself counts.
//   * Blocks stay, and take every 132nd tile. The producer finds the group of a tile while others
//     multiply (detail/group_walk.cuh), and leaves its place beside the first operands that it has
//     loaded for it. So all agree, and no consumer spends a clock or a register on the search.
//   * One tensor map spans all of A. A tile begins at its group's first row, and reads beyond the
//     group's end whatever is there: the products of those rows are not stored. One map has B with
//     the group as third coordinate.
//   * Rows leave through the copy engine, 64 at a time, where all 64 are of the group. Only the
//     last of a group are stored by threads, which look at every row.
//   * A warpgroup of which no row belongs to the group multiplies nothing, and its part of A stays
//     where it is. So a group wastes 32 rows of products on average, and not 64.
// Prediction: many rows per group: what 10 has for one product with as many rows, less 32 rows per
// group: 3% of 1024. Few rows: the weights have to be read once, and the memory limits.
// Limited by: the last wave, and a tile of few rows that needs all of its columns of B.
#pragma once

#include <algorithm>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/detail/group_walk.cuh>
#include <warpladder/gemm_tc/detail/ring.hpp>
#include <warpladder/gemm_tc/detail/warpgroup_operand.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_store.cuh>
#include <warpladder/gemm_tc/grouped_problem.hpp>

namespace warpladder::gemm_tc {

template <class Tuning, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(Tuning::threads, 1)
    grouped_wgmma_kernel(Problem p, bool engine_stores,
                         const __grid_constant__ detail::operand_map map_a,
                         const __grid_constant__ detail::operand_map map_b,
                         const __grid_constant__ tensor_map map_c) {
  using tuning = Tuning;
  using input = typename Problem::input;
  using product = typename Problem::product;
  using tile_a = detail::warpgroup_operand<input, 64, operand_major::k>;  // of one consumer
  using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
  using staging = detail::staged_store<tuning::block_n, product, tuning::staging_kib>;
  constexpr int bytes_a = tuning::consumers * tile_a::bytes;

  /// Where a tile is, and where its group ends: beside the buffer of its first operands.
  struct tile_place {
    int group, row, col, end_row;
  };
  __shared__ transaction_barrier full[tuning::stages], empty[tuning::stages];
  __shared__ tile_place places[tuning::stages];
  constexpr int no_group = -1;
  auto* const ring = dynamic_shared<unsigned char>();
  const int warpgroup = int(threadIdx.x) / 128;

  if (threadIdx.x == 0) {
    allow_any_values(ring, tuning::stages * tuning::stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(tuning::consumers * 4);
    if (p.depth() > 0) detail::prefetch_operand(map_a), detail::prefetch_operand(map_b);
    if (engine_stores) prefetch_tensor_map(map_c);
  }
  __syncthreads();
  let_next_kernel_start();
  wait_for_kernels_before();

  const int cols = int(ceil_div<std::int64_t>(p.n, tuning::block_n));
  const int k_tiles = ceil_div(p.depth(), tile_a::depth);
  detail::ring_position<tuning::stages> at;
  if (warpgroup == tuning::consumers) {
    shrink_registers<40>();
    if (threadIdx.x % 128 >= 32) return;  // a warp finds the tiles, one lane asks for them
    detail::group_walk<tuning::block_m> walk(p, cols);
    bool is_tile = true;
    for (int tile = int(blockIdx.x); is_tile; tile += int(gridDim.x)) {
      typename decltype(walk)::place in;
      is_tile = walk.find(tile, in);
      if (threadIdx.x % 32 == 0) {
        tile_place to{no_group, 0, 0, 0};
        if (is_tile) {
          const int2 corner = banded_order<16>::place(in.tile, in.tiles_down, cols);
          to = {in.group, in.first_row + corner.y * tuning::block_m, corner.x * tuning::block_n,
                in.end_row};
        }
        const int matrix = p.stride_b == 0 ? 0 : to.group;
        const int rows = min(to.end_row - to.row, tuning::block_m);
        empty[at.stage].wait(at.parity ^ 1);
        places[at.stage] = to;
        for (int k_tile = 0; is_tile && k_tile < k_tiles; ++k_tile) {
          unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
          transaction_barrier& landed = full[at.stage];
          const int k = k_tile * tile_a::depth;
          empty[at.stage].wait(at.parity ^ 1);
          landed.arrive_and_expect(ceil_div(rows, 64) * tile_a::bytes +
                                   tile_b::bytes_inside(to.col, p.n));
#pragma unroll
          for (int row = 0; row < tuning::block_m; row += 64) {
            if (row < rows) tensor_copy(stage + row * 128, map_a.box, to.row + row, k, landed);
          }
          tile_b::request(stage + bytes_a, map_b, to.col, p.n, k, matrix, landed);
          at.advance();
        }
        if (!is_tile || k_tiles == 0) {  // a place and no operands
          full[at.stage].arrive();
          at.advance();
        }
      }
      __syncwarp();
    }
  } else {
    grow_registers<232>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) empty[stage].arrive();
    };
    staging store(ring + tuning::stages * tuning::stage_bytes + warpgroup * staging::shared_bytes,
                  1 + warpgroup, engine_stores ? &map_c : nullptr);
    warpgroup_products products;
    while (true) {
      full[at.stage].wait(at.parity);
      const tile_place to = places[at.stage];
      if (to.group == no_group) break;
      const int row = to.row + warpgroup * 64;
      if (row >= to.end_row) {
        for (int k_tile = 0; k_tile < max(k_tiles, 1); ++k_tile) {
          full[at.stage].wait(at.parity);
          release(at.stage);
          at.advance();
        }
        continue;
      }
      typename Problem::scalar sum[tuning::block_n / 2];
      if (k_tiles == 0) {
        for (auto& one : sum) one = 0;
      }
      int previous = at.stage;
      for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
        const unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        full[at.stage].wait(at.parity);
        products.begin();
#pragma unroll
        for (int step = 0; step < tile_a::k_steps; ++step)
          products.start<input, tuning::block_n, operand_major::k, MajorB>(
              sum, tile_a::at(stage + warpgroup * tile_a::bytes, 0, step),
              tile_b::at(stage + bytes_a, 0, step), k_tile > 0 || step > 0);
        products.commit();
        products.wait<1>();
        if (k_tile > 0) release(previous);
        previous = at.stage;
        at.advance();
      }
      // While the last products run: is there room to stage the tile?
      store.wait_until_free();
      products.wait<0>();
      release(previous);
      if (k_tiles == 0) at.advance();

      const bool all_rows_mine = row + 64 <= to.end_row;  // the engine knows no ends of groups
      store.store(p.of_group(to.group, to.end_row), sum, row, to.col, 0, all_rows_mine);
    }
    store.drain();
  }
}

struct grouped_wgmma {
  static constexpr rung_info info{.step = 10,
                                  .name = "grouped_wgmma",
                                  .idea = "10 over the tiles of all groups, counted on the device",
                                  .min_compute_capability = 90};

  template <class Problem>
  static support supports(const Problem& p) {
    if (p.is_empty()) return {};
    if (const support can = detail::supports_warpgroups(all_of(p)); !can) return can;
    return detail::fits_walk(p, persistent_default::block_m, persistent_default::block_n);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    using enum operand_major;
    if constexpr (sizeof(typename Problem::input) == 2) {
      if (p.trans_b == transpose::no) return launch_with<outer>(p, stream);
    }
    return launch_with<k>(p, stream);
  }

 private:
  /// The problem as its tensor maps see it: A as one matrix, B as one per group.
  template <class Problem>
  static auto all_of(const Problem& p) {
    auto all = p.of_group(0, p.rows);
    all.batch = p.groups, all.stride_b = p.stride_b;
    return all;
  }

  template <operand_major MajorB, class Problem>
  static cudaError_t launch_with(const Problem& p, cudaStream_t stream) {
    using tuned = persistent_default;
    using input = typename Problem::input;
    using tile_a = detail::warpgroup_operand<input, 64, operand_major::k>;
    using tile_b = detail::warpgroup_operand<input, tuned::block_n, MajorB>;
    using staging =
        detail::staged_store<tuned::block_n, typename Problem::product, tuned::staging_kib>;
    device_facts device;
    cudaError_t status = query_device(device);
    if (status != cudaSuccess) return status;

    detail::operand_map map_a = {}, map_b = {};
    tensor_map map_c = {};
    status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, all_of(p));
    const auto all_rows = p.of_group(0, p.rows);
    const bool engine_stores = staging::can_engine(all_rows);
    if (status == cudaSuccess && engine_stores) status = staging::make_map(map_c, all_rows);
    if (status != cudaSuccess) return status;
    const std::int64_t tiles = detail::most_tiles(p, tuned::block_m, tuned::block_n);
    return warpladder::launch_kernel(
        grouped_wgmma_kernel<tuned, MajorB, Problem>,
        {.grid = dim3(unsigned(std::min<std::int64_t>(tiles, device.multiprocessors))),
         .block = dim3(tuned::threads),
         .shared_bytes =
             tuned::stages * tuned::stage_bytes + tuned::consumers * staging::shared_bytes,
         .stream = stream,
         .overlaps_kernel_before = true},
        p, engine_stores, map_a, map_b, map_c);
  }
};

}  // namespace warpladder::gemm_tc
