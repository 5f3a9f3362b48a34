// SPDX-License-Identifier: Apache-2.0
//
// 07 warp_specialized. Before: after every tile of k the two warpgroups of 06 meet, only so that
// one thread may ask for the next tile; whoever comes first waits, and both stop feeding the tensor
// core.
//
// Idea: a warpgroup of its own does nothing but ask for tiles. Each buffer of the ring has two
// barriers: `full`, which the copy engine completes, and `empty`, at which each warp that
// multiplies says that it is done. Nobody meets anybody: the producer runs ahead as far as the ring
// allows, the two consumers each go at their own pace. A producer needs few registers and a
// consumer many: the kernel starts with 168 for each of 384 threads, the producer keeps 24 and the
// consumers take 240 (setmaxnreg). Prediction: the meetings vanish, the main loop runs at the rate
// of the tensor core. What is left is the end of each tile: 128 x 256 stores while the tensor core
// waits.
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
__global__ void __launch_bounds__(384, 1)
    warp_specialized_kernel(Problem p, const __grid_constant__ detail::operand_map map_a,
                            const __grid_constant__ detail::operand_map map_b) {
  constexpr int block_m = 128, block_n = 256, stages = 4, consumers = 2;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, block_n, MajorB>;
  constexpr int stage_bytes = tile_a::bytes + tile_b::bytes;

  __shared__ transaction_barrier full[stages], empty[stages];
  auto* const ring = dynamic_shared<unsigned char>();

  const int blocks_n = int(ceil_div<std::int64_t>(p.n, block_n));
  const int first_row = int(blockIdx.x) / blocks_n * block_m;
  const int first_col = int(blockIdx.x) % blocks_n * block_n;
  const int batch = int(detail::product_of_block()), warpgroup = int(threadIdx.x) / 128;
  if (batch >= p.batch) return;
  const int tiles = ceil_div(p.depth(), tile_a::depth);

  if (threadIdx.x == 0) {
    allow_any_values(ring, stages * stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(consumers * 4);  // a warp each
  }
  __syncthreads();

  detail::ring_position<stages> at;
  if (warpgroup == consumers) {
    shrink_registers<24>();
    if (threadIdx.x % 128 != 0) return;
    const unsigned bytes =
        tile_a::bytes_inside(first_row, p.m) + tile_b::bytes_inside(first_col, p.n);
    for (int tile = 0; tile < tiles; ++tile) {
      unsigned char* const stage = ring + at.stage * stage_bytes;
      transaction_barrier& landed = full[at.stage];
      const int k = tile * tile_a::depth;
      empty[at.stage].wait(at.parity ^ 1);
      landed.arrive_and_expect(bytes);
      tile_a::request(stage, map_a, first_row, p.m, k, p.stride_a == 0 ? 0 : batch, landed);
      tile_b::request(stage + tile_a::bytes, map_b, first_col, p.n, k, p.stride_b == 0 ? 0 : batch,
                      landed);
      at.advance();
    }
  } else {
    grow_registers<240>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) empty[stage].arrive();
    };
    typename Problem::scalar sum[block_n / 2] = {};
    warpgroup_products products;
    int previous = 0;
    for (int tile = 0; tile < tiles; ++tile) {
      const unsigned char* const stage = ring + at.stage * stage_bytes;
      full[at.stage].wait(at.parity);
      products.begin();
#pragma unroll
      for (int step = 0; step < tile_a::k_steps; ++step)
        products.start<input, block_n, MajorA, MajorB>(sum, tile_a::at(stage, warpgroup * 64, step),
                                                       tile_b::at(stage + tile_a::bytes, 0, step),
                                                       true);
      products.commit();
      products.wait<1>();
      if (tile > 0) release(previous);
      previous = at.stage;
      at.advance();
    }
    products.wait<0>();
    detail::store_sums<block_n>(p, sum, std::int64_t{first_row} + warpgroup * 64, first_col, batch);
  }
}

struct warp_specialized {
  static constexpr rung_info info{.step = 7,
                                  .name = "warp_specialized",
                                  .idea = "a producer of its own, a barrier for full and for empty",
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
      return warpladder::launch_kernel(warp_specialized_kernel<MajorA, MajorB, Problem>,
                                       {.grid = detail::tile_grid<128, 256>(p),
                                        .block = dim3(384),
                                        .shared_bytes = 4 * (tile_a::bytes + tile_b::bytes),
                                        .stream = stream},
                                       p, map_a, map_b);
    });
  }
};

}  // namespace warpladder::gemm_tc
