// SPDX-License-Identifier: Apache-2.0
//
// 05 wgmma. Before: the warps of 04 fetch every fragment from shared memory into registers, at 64 x
// 64 per warp 4 KiB for the 2^16 multiply-adds of 16 k. Shared memory gives 128 bytes a clock and
// Hopper's tensor cores take 2048 multiply-adds: 32 clocks for either, so that nothing is left to
// write the next tile.
//
// Idea: wgmma. Four warps multiply 64 x 128 at once, and the tensor core reads both operands from
// shared memory itself: no fragments, no ldmatrix, no registers but the sums. The copy engine fills
// shared memory in the swizzled layout that the instruction wants, at the request of one thread.
//
// Here in its simplest form: one warpgroup, a tile of 128 x 128, one tile of k at a time. Nothing
// overlaps: the tensor core idles while the engine brings the next tile.
// Prediction: per 64 k a round trip of ~1 us to L2 and 2 * 128 * 128 * 64 / 4096 = 512 clocks of
// multiplication. Two or three blocks per multiprocessor overlap each other: half of the peak.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm_tc/detail/tile_grid.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_operand.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc {

template <operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(128)
    wgmma_kernel(Problem p, const __grid_constant__ detail::operand_map map_a,
                 const __grid_constant__ detail::operand_map map_b) {
  constexpr int block_m = 128, block_n = 128;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, block_n, MajorB>;

  __shared__ transaction_barrier landed;
  auto* const shared_a = dynamic_shared<unsigned char>();
  auto* const shared_b = shared_a + tile_a::bytes;

  const int blocks_n = int(ceil_div<std::int64_t>(p.n, block_n));
  const int first_row = int(blockIdx.x) / blocks_n * block_m;
  const int first_col = int(blockIdx.x) % blocks_n * block_n;
  const int batch = int(detail::product_of_block());
  if (batch >= p.batch) return;
  const int tiles = ceil_div(p.depth(), tile_a::depth);

  if (threadIdx.x == 0) {
    landed.init();
    allow_any_values(shared_a, tile_a::bytes + tile_b::bytes);
  }
  __syncthreads();

  typename Problem::scalar sum[2][block_n / 2] = {};
  warpgroup_products products;
  for (int tile = 0; tile < tiles; ++tile) {
    if (threadIdx.x == 0) {
      const int k = tile * tile_a::depth;
      landed.arrive_and_expect(tile_a::bytes_inside(first_row, p.m) +
                               tile_b::bytes_inside(first_col, p.n));
      tile_a::request(shared_a, map_a, first_row, p.m, k, p.stride_a == 0 ? 0 : batch, landed);
      tile_b::request(shared_b, map_b, first_col, p.n, k, p.stride_b == 0 ? 0 : batch, landed);
    }
    landed.wait(tile % 2);
    products.begin();
#pragma unroll
    for (int step = 0; step < tile_a::k_steps; ++step) {
#pragma unroll
      for (int half = 0; half < 2; ++half)
        products.start<input, block_n, MajorA, MajorB>(
            sum[half], tile_a::at(shared_a, half * 64, step), tile_b::at(shared_b, 0, step), true);
    }
    products.commit();
    products.wait<0>();
    __syncthreads();  // all four warps have multiplied: the tile may be overwritten
  }

#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int i = 0; i < block_n / 2; ++i) {
      const std::int64_t row =
          std::int64_t{first_row} + half * 64 + warpgroup_sum_row(int(threadIdx.x), i);
      const std::int64_t col = std::int64_t{first_col} + warpgroup_sum_col(int(threadIdx.x), i);
      if (row < p.m && col < p.n) finish(p, sum[half][i], row, col, batch);
    }
  }
}

struct wgmma {
  static constexpr rung_info info{.step = 5,
                                  .name = "wgmma",
                                  .idea = "tensor cores read shared memory themselves",
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
      using tile_b = detail::warpgroup_operand<input, 128, MajorB>;
      detail::operand_map map_a = {}, map_b = {};
      const cudaError_t status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      if (status != cudaSuccess) return status;
      return warpladder::launch_kernel(wgmma_kernel<MajorA, MajorB, Problem>,
                                       {.grid = detail::tile_grid<128, 128>(p),
                                        .block = dim3(128),
                                        .shared_bytes = tile_a::bytes + tile_b::bytes,
                                        .stream = stream},
                                       p, map_a, map_b);
    });
  }
};

}  // namespace warpladder::gemm_tc
