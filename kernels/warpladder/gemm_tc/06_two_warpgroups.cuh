// SPDX-License-Identifier: Apache-2.0
//
// 06 two_warpgroups. Before: 05 brings a tile of k, waits for it, multiplies, and starts over; and
// for every 64 k a block fetches 32 KiB for 128 x 128 of C.
//
// Idea: a tile of 128 x 256 for two warpgroups, each of which multiplies 64 rows by all 256
// columns, the widest instruction there is, and a ring of four buffers that are always on their
// way. Bytes: 48 KiB per 64 k for twice the work, 0.75 of what 05 asks of L2. From shared memory a
// warpgroup reads 64 + 256 rows per instruction: 80 bytes a clock at full rate, of 128.
// The sums of 64 x 256 are 128 registers a thread, the most that leaves room for anything else.
//
// One multiplication stays in flight while the next is being started; the tile before it is then
// free, and thread 0 asks for the tile that takes its place. For that the two warpgroups have to
// meet after every tile.
// Prediction: 80% of the peak; what is lost are the meetings and, at the end of each tile of C, the
// stores, during which the tensor cores have nothing to do.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/ring.hpp>
#include <warpladder/gemm_tc/detail/tile_grid.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_operand.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_store.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

template <operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(256, 1)
    two_warpgroups_kernel(Problem p, const __grid_constant__ detail::operand_map map_a,
                          const __grid_constant__ detail::operand_map map_b) {
  constexpr int block_m = 128, block_n = 256, stages = 4;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, block_n, MajorB>;
  constexpr int stage_bytes = tile_a::bytes + tile_b::bytes;

  __shared__ transaction_barrier landed[stages];
  auto* const ring = dynamic_shared<unsigned char>();

  const int blocks_n = int(ceil_div<std::int64_t>(p.n, block_n));
  const int first_row = int(blockIdx.x) / blocks_n * block_m;
  const int first_col = int(blockIdx.x) % blocks_n * block_n;
  const int batch = int(detail::product_of_block()), warpgroup = int(threadIdx.x) / 128;
  if (batch >= p.batch) return;
  const int tiles = ceil_div(p.depth(), tile_a::depth);

  const unsigned bytes =
      tile_a::bytes_inside(first_row, p.m) + tile_b::bytes_inside(first_col, p.n);
  const auto request = [&](int tile) {
    if (threadIdx.x != 0 || tile >= tiles) return;
    unsigned char* const to = ring + tile % stages * stage_bytes;
    transaction_barrier& barrier = landed[tile % stages];
    const int k = tile * tile_a::depth;
    barrier.arrive_and_expect(bytes);
    tile_a::request(to, map_a, first_row, p.m, k, p.stride_a == 0 ? 0 : batch, barrier);
    tile_b::request(to + tile_a::bytes, map_b, first_col, p.n, k, p.stride_b == 0 ? 0 : batch,
                    barrier);
  };

  if (threadIdx.x == 0) {
    allow_any_values(ring, stages * stage_bytes);
    for (transaction_barrier& barrier : landed) barrier.init();
  }
  __syncthreads();
  for (int tile = 0; tile < stages; ++tile) request(tile);

  typename Problem::scalar sum[block_n / 2] = {};
  warpgroup_products products;
  detail::ring_position<stages> at;
  for (int tile = 0; tile < tiles; ++tile) {
    const unsigned char* const stage = ring + at.stage * stage_bytes;
    landed[at.stage].wait(at.parity);
    products.begin();
#pragma unroll
    for (int step = 0; step < tile_a::k_steps; ++step)
      products.start<input, block_n, MajorA, MajorB>(sum, tile_a::at(stage, warpgroup * 64, step),
                                                     tile_b::at(stage + tile_a::bytes, 0, step),
                                                     true);
    products.commit();
    products.wait<1>();
    __syncthreads();  // both warpgroups have multiplied the tile before
    if (tile > 0) request(tile - 1 + stages);
    at.advance();
  }
  products.wait<0>();
  detail::store_sums<block_n>(p, sum, std::int64_t{first_row} + warpgroup * 64, first_col, batch);
}

struct two_warpgroups {
  static constexpr rung_info info{.step = 6,
                                  .name = "two_warpgroups",
                                  .idea = "128 x 256 for two warpgroups, four tiles on their way",
                                  .min_compute_capability = 90};

  template <class Problem>
  static support supports(const Problem& p) {
    return detail::supports_warpgroups(p);
  }

  template <class Problem>
  static std::size_t workspace_bytes(const Problem&) {
    return 0;
  }

  template <class Problem>
  static cudaError_t launch(const Problem& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    return detail::with_majors(p, [&]<operand_major MajorA, operand_major MajorB>() {
      using input = typename Problem::input;
      using tile_a = detail::warpgroup_operand<input, 128, MajorA>;
      using tile_b = detail::warpgroup_operand<input, 256, MajorB>;
      detail::operand_map map_a = {}, map_b = {};
      const cudaError_t status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      if (status != cudaSuccess) return status;
      return warpladder::launch_kernel(two_warpgroups_kernel<MajorA, MajorB, Problem>,
                                       {.grid = detail::tile_grid<128, 256>(p),
                                        .block = dim3(256),
                                        .shared_bytes = 4 * (tile_a::bytes + tile_b::bytes),
                                        .stream = stream},
                                       p, map_a, map_b);
    });
  }
};

}  // namespace warpladder::gemm_tc
