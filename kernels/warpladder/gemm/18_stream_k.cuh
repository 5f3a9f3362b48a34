// SPDX-License-Identifier: Apache-2.0
//
// 18 stream_k. Before: 12 gives every block one tile of C. 512 tiles on 132 multiprocessors are
// 3.88 waves and take the time of 4 (97%); 32 tiles leave 100 multiprocessors without work.
//
// Idea: divide multiply-adds, not tiles (Osama et al., "Stream-K: Work-centric Parallel
// Decomposition for Dense Matrix-Matrix Multiplication on the GPU", 2023). One block per slot of
// the device stays for the whole product. While two waves or more remain it takes whole tiles; the
// rest, laid end to end along k, is cut into equal pieces. A piece that begins inside a tile is
// stored to the workspace; the block that began the tile waits for the pieces behind it and adds
// them, always in the order of k: the result does not depend on timing. Because a block goes on to
// its next tile, the loads of that tile fly while this one is stored. Price: at most one tile (128
// KiB) per block written and read back through L2, ~3 us on an H100, and a 1 us memset for the
// flags. Pays when the last wave is part empty, and for few large tiles.
//
// Forward progress: a block waits only for pieces that are the first work of their block and wait
// for nothing; the cooperative launch makes all blocks resident.
#pragma once

#include <cstddef>
#include <limits>
#include <warpladder/core/device.hpp>
#include <warpladder/gemm/12_tensor_copy.cuh>
#include <warpladder/gemm/detail/stream_k_schedule.cuh>

namespace warpladder::gemm {

using stream_k_schedule = detail::stream_k_schedule<16>;
using stream_k_cursor = detail::stream_k_cursor<16>;

template <class Tuning, bool TurnA, bool TurnB>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    stream_k_kernel(problem<float> p, const __grid_constant__ tensor_map map_a,
                    const __grid_constant__ tensor_map map_b, stream_k_schedule schedule,
                    float* partials, unsigned* flags) {
  using tuning = Tuning;
  constexpr int lanes_m = 8, lanes_n = 4;
  constexpr int warps_n = tuning::block_n / tuning::warp_n;
  constexpr int thread_m = tuning::warp_m / lanes_m, thread_n = tuning::warp_n / lanes_n;
  using tile_a = detail::tensor_tile<tuning::threads, tuning::block_k, tuning::block_m, TurnA>;
  using tile_b = detail::tensor_tile<tuning::threads, tuning::block_k, tuning::block_n, TurnB>;

  __shared__ transaction_barrier landed;
  float* const shared = dynamic_shared<float>();
  const tile_a tiles_a(shared);
  const tile_b tiles_b(shared + tile_a::shared_floats);
  const int blocks_n = int(ceil_div<std::int64_t>(p.n, tuning::block_n));

  // Requests run up to two k-tiles ahead of the arithmetic, across the borders of output tiles.
  stream_k_cursor wanted(schedule, int(blockIdx.x)), piece(schedule, int(blockIdx.x));
  int requested = 0;
  const auto request = [&] {
    if (wanted.at_end()) return;
    if (threadIdx.x == 0) {
      const int first_row = wanted.tile / blocks_n * tuning::block_m;
      const int first_col = wanted.tile % blocks_n * tuning::block_n;
      landed.arrive_and_expect((tile_a::size + tile_b::size) * sizeof(float));
      tiles_a.request(map_a, first_row, wanted.k_begin, requested, landed);
      tiles_b.request(map_b, first_col, wanted.k_begin, requested, landed);
    }
    ++requested;
    wanted.k_begin += tuning::block_k;
    if (wanted.k_begin >= wanted.k_end) wanted.advance(schedule);
  };
  const auto receive = [&](int k_tile) {
    if (k_tile >= requested) return;
    landed.wait(k_tile % 2);
    tiles_a.turn(k_tile);
    tiles_b.turn(k_tile);
  };

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warp_row = warp / warps_n * tuning::warp_m + lane / 2 % lanes_m * 4;
  const int warp_col = warp % warps_n * tuning::warp_n + (lane % 2 + lane / 16 * 2) * 4;
  const float* from_a = nullptr;
  const float* from_b = nullptr;
  alignas(16) float a[2][thread_m] = {}, b[2][thread_n] = {};
  const auto begin_tile = [&](int k_tile) {
    from_a = tiles_a.k_major(k_tile) + warp_row;
    from_b = tiles_b.k_major(k_tile) + warp_col;
  };
  const auto read_fragments = [&](int k, int buffer) {
#pragma unroll
    for (int i = 0; i < thread_m; i += 4)
      detail::as_float4(&a[buffer][i]) =
          detail::as_float4(&from_a[k * tuning::block_m + i * lanes_m]);
#pragma unroll
    for (int j = 0; j < thread_n; j += 4)
      detail::as_float4(&b[buffer][j]) =
          detail::as_float4(&from_b[k * tuning::block_n + j * lanes_n]);
  };
  alignas(16) float sum[thread_m][thread_n];
  const auto multiply_rows = [&](int first, int last, int buffer) {
#pragma unroll
    for (int i = first; i < last; ++i) {
#pragma unroll
      for (int step = 0; step < thread_n; ++step) {
        const int j = i % 2 == 0 ? step : thread_n - 1 - step;  // serpentine
        sum[i][j] += a[buffer][i] * b[buffer][j];
      }
    }
  };

  // A partial tile lies in the workspace as element after element of all threads: coalesced. Not as
  // float4: that would tie four accumulators to consecutive registers, in the banks of b, and cost
  // the inner loop a bank conflict in every other FFMA.
  const auto for_partial = [&](int block, auto&& visit) {
    float* const partial =
        partials + std::int64_t{block} * tuning::block_m * tuning::block_n + threadIdx.x;
#pragma unroll
    for (int i = 0; i < thread_m; ++i) {
#pragma unroll
      for (int j = 0; j < thread_n; ++j)
        visit(partial[(i * thread_n + j) * tuning::threads], sum[i][j]);
    }
  };
  const auto publish = [&] {
    for_partial(blockIdx.x, [](float& stored, float own) { stored = own; });
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) atomicExch(&flags[blockIdx.x], 1u);
  };
  const auto collect = [&] {
    const std::int64_t tile_end =
        (piece.tile - std::int64_t{schedule.waves} * schedule.blocks + 1) *
        schedule.grains_per_tile;
    for (int block = int(blockIdx.x) + 1; schedule.begin(block) < tile_end; ++block) {
      if (threadIdx.x == 0) {
        while (atomicAdd(&flags[block], 0u) == 0) __nanosleep(64);
        __threadfence();
      }
      __syncthreads();
      // Written by another multiprocessor: not from L1.
      for_partial(block, [](const float& stored, float& own) { own += __ldcg(&stored); });
    }
  };
  const bool vectors = p.n % 4 == 0 && p.ldc % 4 == 0 && detail::is_float4_aligned(p.c);
  const auto store = [&] {
    const std::int64_t first_row = std::int64_t{piece.tile / blocks_n} * tuning::block_m;
    const std::int64_t col = std::int64_t{piece.tile % blocks_n} * tuning::block_n + warp_col;
#pragma unroll
    for (int i = 0; i < thread_m; ++i) {
      const std::int64_t row = first_row + warp_row + i / 4 * lanes_m * 4 + i % 4;
      if (row >= p.m) continue;
      float* const c = p.c + row * p.ldc + col;
#pragma unroll
      for (int j = 0; j < thread_n; j += 4) {
        const std::int64_t left = p.n - col - j * lanes_n;
        if (vectors) {
          if (left > 0)
            detail::store_scaled(detail::as_float4(&c[j * lanes_n]), detail::as_float4(&sum[i][j]),
                                 p.alpha, p.beta);
        } else {
#pragma unroll
          for (int e = 0; e < 4; ++e)
            if (e < left) store_scaled(&c[j * lanes_n + e], sum[i][j + e], p.alpha, p.beta);
        }
      }
    }
  };

  if (threadIdx.x == 0) landed.init();
  request();
  __syncthreads();
  receive(0);
  __syncthreads();
  request();
  begin_tile(0);
  if (requested > 0) read_fragments(0, 0);

  constexpr int rotation = thread_m * 5 / 8;
  int k_tile = 0;
  for (; !piece.at_end(); piece.advance(schedule)) {
#pragma unroll
    for (int i = 0; i < thread_m; ++i) {
#pragma unroll
      for (int j = 0; j < thread_n; ++j) sum[i][j] = 0;
    }
    for (int k_done = piece.k_begin; k_done < piece.k_end; k_done += tuning::block_k, ++k_tile) {
      const int k_left = piece.k_end - k_done;
      const int k_stop = k_left < tuning::block_k ? k_left : tuning::block_k;
      read_fragments(1, 1);
      multiply_rows(0, thread_m, 0);
      multiply_rows(0, rotation, 1);
#pragma unroll 1
      for (int k = 2; k < k_stop; k += 2) {
        read_fragments(2, 0);
        multiply_rows(rotation, thread_m, 1);
        read_fragments(3, 1);
        multiply_rows(0, thread_m, 0);
        multiply_rows(0, rotation, 1);
        from_a += 2 * tuning::block_m;
        from_b += 2 * tuning::block_n;
      }
      receive(k_tile + 1);
      __syncthreads();
      request();
      begin_tile(k_tile + 1);
      if (k_tile + 1 < requested) read_fragments(0, 0);
      multiply_rows(rotation, thread_m, 1);
    }
    if (piece.k_begin > 0) {
      publish();
    } else {
      if (piece.k_end < schedule.depth) collect();
      store();
    }
  }
}

struct stream_k {
  static constexpr rung_info info{18, "stream_k", "equal shares of the multiply-adds, not of tiles",
                                  90};
  template <bool TurnA, bool TurnB>
  using tuning = tensor_copy::tuning<TurnA, TurnB>;

  template <class T>
  static support supports(const problem<T>& p) {
    return tensor_copy::supports(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>& p) {
    return workspace_bytes_tuned<tuning<true, false>>(p);
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view scratch) {
    if (p.trans_a == transpose::no) {
      return p.trans_b == transpose::no
                 ? launch_tuned<tuning<true, false>, true, false>(p, stream, scratch)
                 : launch_tuned<tuning<true, true>, true, true>(p, stream, scratch);
    }
    return p.trans_b == transpose::no
               ? launch_tuned<tuning<false, false>, false, false>(p, stream, scratch)
               : launch_tuned<tuning<false, true>, false, true>(p, stream, scratch);
  }

  template <class Tuning>
  static stream_k_schedule schedule(const problem<float>& p, const device_facts& device) {
    constexpr int min_grains = 4;  // a shorter piece costs more to hand over than to compute
    const std::int64_t tiles =
        ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n);
    const std::int64_t grains = ceil_div(p.depth(), stream_k_schedule::grain);
    std::int64_t blocks = std::int64_t{device.multiprocessors} * Tuning::blocks_per_sm;
    const std::int64_t useful = ceil_div<std::int64_t>(tiles * grains, min_grains);
    if (blocks > useful) blocks = useful;
    const std::int64_t waves = tiles >= 2 * blocks ? tiles / blocks - 1 : 0;
    return {int(tiles), int(blocks), int(waves), int(grains), p.depth()};
  }

  template <class Tuning>
  static std::size_t workspace_bytes_tuned(const problem<float>& p) {
    device_facts device;
    if (p.is_empty() || p.depth() == 0 || query_device(device) != cudaSuccess) return 0;
    return bytes_for(schedule<Tuning>(p, device).blocks, Tuning::block_m * Tuning::block_n);
  }

  /// The same with a tuning of the caller's choice; TurnA: A is not transposed, TurnB: B is.
  template <class Tuning, bool TurnA, bool TurnB>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream,
                                  workspace_view scratch) {
    using tile_a = detail::tensor_tile<Tuning::threads, Tuning::block_k, Tuning::block_m, TurnA>;
    using tile_b = detail::tensor_tile<Tuning::threads, Tuning::block_k, Tuning::block_n, TurnB>;
    if (p.is_empty() || p.depth() == 0)
      return tensor_copy::launch_tuned<Tuning, TurnA, TurnB>(p, stream);
    if (ceil_div<std::int64_t>(p.m, Tuning::block_m) *
            ceil_div<std::int64_t>(p.n, Tuning::block_n) >
        std::numeric_limits<std::int32_t>::max())
      return cudaErrorInvalidValue;

    device_facts device;
    cudaError_t status = query_device(device);
    if (status != cudaSuccess) return status;
    const stream_k_schedule plan = schedule<Tuning>(p, device);
    constexpr int tile_size = Tuning::block_m * Tuning::block_n;
    if (scratch.data == nullptr || scratch.bytes < bytes_for(plan.blocks, tile_size))
      return cudaErrorInvalidValue;
    auto* const partials = static_cast<float*>(scratch.data);
    auto* const flags =
        reinterpret_cast<unsigned*>(partials + std::int64_t{plan.blocks} * tile_size);

    tensor_map map_a, map_b;
    status = tile_a::make_map(map_a, p.a, p.m, p.k, p.lda);
    if (status == cudaSuccess) status = tile_b::make_map(map_b, p.b, p.n, p.k, p.ldb);
    if (status == cudaSuccess)
      status = cudaMemsetAsync(flags, 0, plan.blocks * sizeof(unsigned), stream);
    if (status != cudaSuccess) return status;
    return warpladder::launch_kernel(
        stream_k_kernel<Tuning, TurnA, TurnB>,
        {.grid = dim3(unsigned(plan.blocks)),
         .block = dim3(Tuning::threads),
         .shared_bytes = (tile_a::shared_floats + tile_b::shared_floats) * sizeof(float),
         .stream = stream,
         .cooperative = true},
        p, map_a, map_b, plan, partials, flags);
  }

 private:
  static std::size_t bytes_for(int blocks, int tile_size) {
    return std::size_t(blocks) * (tile_size * sizeof(float) + sizeof(unsigned));
  }
};

}  // namespace warpladder::gemm
