// SPDX-License-Identifier: Apache-2.0
//
// 15 pingpong. Before: in 08 and 10 both consumers finish a tile at the same time, and for the 1000
// to 1500 clocks in which they round and store it the tensor core has nothing to do: 2% of a tile
// with k = 4096, 4% with k = 2048, twice that with 8-bit types.
//
// Idea: each consumer has tiles of its own, 128 rows of all columns, and they take turns: while one
// stores, the other multiplies (CUTLASS calls it ping-pong; Thakkar et al., 2023). The producer
// brings the tiles of C one after the other. A barrier passes the turn on when all of a tile's
// operands have landed: parity alone cannot tell a buffer's next use from the one after. Storing
// may now take its time, 10 KiB of staging are enough, and the ring has the rest. Price: at most
// 128 x 192, because one warpgroup holds all the sums, and so more bytes per product: 128 x 128
// takes 64 bytes a clock from L2, 128 x 192 takes 53, 128 x 256 took 48. The width is also a free
// choice against the last wave: see 16 tuned.
#pragma once

#include <algorithm>
#include <warpladder/gemm_tc/08_persistent.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>

namespace warpladder::gemm_tc {

/// A tile of 128 x BlockN for each of two warpgroups that take turns, and as many buffers as leave
/// room for their staging.
template <int BlockN>
struct pingpong_tuning : persistent_tuning<BlockN, (206 << 10) / ((128 + BlockN) * 128)> {
  template <class Problem>
  using staging = detail::staged_store<BlockN, Problem, 10>;

  static constexpr bool takes(operand_major /*a*/, operand_major b) {
    return b == operand_major::k || BlockN % 64 == 0;
  }
};

template <class Tuning, class Order, operand_major MajorA, operand_major MajorB, class Problem>
__global__ void __launch_bounds__(Tuning::threads, 1)
    pingpong_kernel(Problem p, persistent_walk<Tuning, Order> walk, bool by_engine,
                    const __grid_constant__ detail::operand_map map_a,
                    const __grid_constant__ detail::operand_map map_b,
                    const __grid_constant__ tensor_map map_c) {
  using tuning = Tuning;
  using input = typename Problem::input;
  using tile_a = detail::warpgroup_operand<input, tuning::block_m, MajorA>;
  using tile_b = detail::warpgroup_operand<input, tuning::block_n, MajorB>;
  using staging = typename tuning::template staging<Problem>;

  __shared__ transaction_barrier full[tuning::stages], empty[tuning::stages], turn[2];
  auto* const ring = dynamic_shared<unsigned char>();
  const int warpgroup = int(threadIdx.x) / 128;

  if (threadIdx.x == 0) {
    allow_any_values(ring, tuning::stages * tuning::stage_bytes);  // rows that are not there
    for (transaction_barrier& barrier : full) barrier.init(1);
    for (transaction_barrier& barrier : empty) barrier.init(4);
    for (transaction_barrier& barrier : turn) barrier.init(1);
    if (walk.k_tiles > 0) detail::prefetch_operand(map_a), detail::prefetch_operand(map_b);
    if (by_engine) prefetch_tensor_map(map_c);
  }
  __syncthreads();
  let_next_kernel_start();
  wait_for_kernels_before();

  detail::ring_position<tuning::stages> at;
  if (warpgroup == tuning::consumers) {
    shrink_registers<24>();
    if (threadIdx.x % 128 != 0) return;
    for (int tile = int(blockIdx.x); tile < walk.tiles; tile += int(gridDim.x)) {
      const auto to = walk[tile];
      const int batch_a = p.stride_a == 0 ? 0 : to.batch, batch_b = p.stride_b == 0 ? 0 : to.batch;
      const unsigned bytes = tile_a::bytes_inside(to.row, p.m) + tile_b::bytes_inside(to.col, p.n);
      for (int k_tile = 0; k_tile < walk.k_tiles; ++k_tile) {
        unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        transaction_barrier& landed = full[at.stage];
        const int k = k_tile * tile_a::depth;
        empty[at.stage].wait(at.parity ^ 1);
        landed.arrive_and_expect(bytes);
        tile_a::request(stage, map_a, to.row, p.m, k, batch_a, landed);
        tile_b::request(stage + tile_a::bytes, map_b, to.col, p.n, k, batch_b, landed);
        at.advance();
      }
    }
  } else {
    grow_registers<240>();
    const auto release = [&](int stage) {
      __syncwarp();
      if (threadIdx.x % 32 == 0) empty[stage].arrive();
    };
    staging store(ring + tuning::stages * tuning::stage_bytes + warpgroup * staging::shared_bytes,
                  1 + warpgroup, by_engine ? &map_c : nullptr);
    warpgroup_products products;
    unsigned turns = warpgroup == 0 ? 1 : 0;  // the first one has its first turn at once
    at.skip(warpgroup * walk.k_tiles);
    for (int tile = int(blockIdx.x) + warpgroup * int(gridDim.x); tile < walk.tiles;
         tile += 2 * int(gridDim.x), at.skip(walk.k_tiles)) {
      turn[warpgroup].wait(turns++ % 2);
      typename Problem::scalar sum[2][tuning::block_n / 2];  // rows 0..63 and 64..127
      if (walk.k_tiles == 0) {
        for (auto& half : sum) {
          for (auto& one : half) one = 0;
        }
      }
      int previous = 0;
      for (int k_tile = 0; k_tile < walk.k_tiles; ++k_tile) {
        const unsigned char* const stage = ring + at.stage * tuning::stage_bytes;
        full[at.stage].wait(at.parity);
        products.begin();
#pragma unroll
        for (int step = 0; step < tile_a::k_steps; ++step) {
          const matrix_descriptor columns = tile_b::at(stage + tile_a::bytes, 0, step);
#pragma unroll
          for (int half = 0; half < 2; ++half)
            products.start<input, tuning::block_n, MajorA, MajorB>(
                sum[half], tile_a::at(stage, half * 64, step), columns, k_tile > 0 || step > 0);
        }
        products.commit();
        products.wait<1>();
        if (k_tile > 0) release(previous);
        previous = at.stage;
        at.advance();
      }
      // All tiles of this turn have been waited for: what lands from now on is for the other.
      if (threadIdx.x % 128 == 0) turn[1 - warpgroup].arrive();
      const auto to = walk[tile];
      products.wait<0>();
      if (walk.k_tiles > 0) release(previous);

#pragma unroll
      for (int half = 0; half < 2; ++half) {
        store.wait_until_free();
        store.store(p, sum[half], std::int64_t{to.row} + half * 64, to.col, to.batch);
      }
    }
    store.drain();
  }
}

/// Launches the kernel with a tuning and an order of the tiles. `cluster` blocks run side by side.
template <class Tuning, class Order, class Problem>
cudaError_t launch_pingpong(const Problem& p, cudaStream_t stream, int cluster = 1) {
  if (p.is_empty()) return cudaSuccess;
  return detail::with_majors(p, [&]<operand_major MajorA, operand_major MajorB>() -> cudaError_t {
    if constexpr (!Tuning::takes(MajorA, MajorB)) {
      return cudaErrorNotSupported;
    } else {
      using input = typename Problem::input;
      using tile_a = detail::warpgroup_operand<input, Tuning::block_m, MajorA>;
      using tile_b = detail::warpgroup_operand<input, Tuning::block_n, MajorB>;
      using staging = typename Tuning::template staging<Problem>;
      device_facts device;
      cudaError_t status = query_device(device);
      if (status != cudaSuccess) return status;

      persistent_walk<Tuning, Order> walk;
      status = detail::make_walk(walk, p, tile_a::depth);
      detail::operand_map map_a = {}, map_b = {};
      tensor_map map_c = {};
      if (status == cudaSuccess)
        status = detail::make_operand_maps<tile_a, tile_b>(map_a, map_b, p);
      const bool by_engine = staging::can_engine(p);
      if (status == cudaSuccess && by_engine) status = staging::make_map(map_c, p);
      if (status != cudaSuccess) return status;
      return warpladder::launch_kernel(
          pingpong_kernel<Tuning, Order, MajorA, MajorB, Problem>,
          {.grid = dim3(unsigned(detail::walking_blocks(walk.tiles, device, cluster))),
           .block = dim3(Tuning::threads),
           .shared_bytes =
               Tuning::stages * Tuning::stage_bytes + Tuning::consumers * staging::shared_bytes,
           .stream = stream,
           .cluster = unsigned(cluster),
           .overlaps_kernel_before = true},
          p, walk, by_engine, map_a, map_b, map_c);
    }
  });
}

struct pingpong {
  static constexpr rung_info info{.step = 15,
                                  .name = "pingpong",
                                  .idea = "one warpgroup stores while the other multiplies",
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
    // Two tiles that read the same columns run side by side: see detail/other_tiles.cuh.
    const bool is_even = ceil_div<std::int64_t>(p.m, 128) % 2 == 0;
    return launch_pingpong<pingpong_tuning<128>, banded_order<8>>(p, stream, is_even ? 2 : 1);
  }
};

}  // namespace warpladder::gemm_tc
