// SPDX-License-Identifier: Apache-2.0
//
// 12 tensor_copy. Before: per 16 k, every thread issues 12 copies, their addresses and predicates
// in one burst, while two warps per scheduler are all there is to hide it.
//
// Idea: let the copy engine load (TMA). One thread asks for a whole tile; ragged edges arrive as
// zeros. The engine cannot transpose, and the inner loop wants both tiles k-major: an operand that
// is contiguous along k lands in a raw tile, swizzled, and each thread turns 8 float4 of it, 40
// instructions per 64 k against the 8192 FFMA that follow. Every layout works.
//
// The rest is the inner loop, 2 k per trip: 256 FFMA, 12 LDS.128 and 5 others, 93.8% FFMA. Three
// things were worth more than any tile size (the profile behind each is in docs/gemm.md, Worklog):
//   * serpentine order: at the turn of a row the next FFMA shares an operand with the last one, and
//     fewer reads fight for the two register banks;
//   * a loop of 2 k instead of an unrolled tile: 4 KiB of code, accumulators that stay in place;
//   * the loop is rotated: it begins in the middle of a k, so every fragment is read and used
//     within one trip. Read at the end for the next trip, it would be waited for at the top.
// Limited by: 6 LDS per 128 FFMA, the tile's barrier, and 128 tiles on 132 multiprocessors (97%).
#pragma once

#include <limits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/gemm/detail/float4.cuh>
#include <warpladder/gemm/detail/tensor_tile.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// A block computes block_m x block_n of C in steps of block_k; a warp warp_m x warp_n of that, its
/// lanes 8 x 4 with warp_m / 8 x warp_n / 4 outputs each.
template <int BlockM, int BlockN, int BlockK, int WarpM, int WarpN, int BlocksPerSm>
struct tensor_copy_tuning {
  static constexpr int block_m = BlockM, block_n = BlockN, block_k = BlockK;
  static constexpr int warp_m = WarpM, warp_n = WarpN, blocks_per_sm = BlocksPerSm;
  static constexpr int threads = BlockM / WarpM * (BlockN / WarpN) * 32;
  static_assert(WarpM % 32 == 0 && WarpN % 16 == 0 && BlockK % 32 == 0);
};

template <class Tuning, bool TurnA, bool TurnB>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    tensor_copy_kernel(problem<float> p, const __grid_constant__ tensor_map map_a,
                       const __grid_constant__ tensor_map map_b) {
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
  const int first_row = int(blockIdx.x) / blocks_n * tuning::block_m;
  const int first_col = int(blockIdx.x) % blocks_n * tuning::block_n;
  // grid.y > 1: slice y of a longer k, of p.k each, into its own C (see 15 split_k).
  const int first_k = int(blockIdx.y) * int(p.k);
  p.c += blockIdx.y * p.stride_c;
  const int tiles = ceil_div(p.depth(), tuning::block_k);

  const auto request = [&](int tile) {
    if (threadIdx.x != 0 || tile >= tiles) return;
    landed.arrive_and_expect((tile_a::size + tile_b::size) * sizeof(float));
    tiles_a.request(map_a, first_row, first_k + tile * tuning::block_k, tile, landed);
    tiles_b.request(map_b, first_col, first_k + tile * tuning::block_k, tile, landed);
  };
  const auto receive = [&](int tile) {
    if (tile >= tiles) return;
    landed.wait(tile % 2);
    tiles_a.turn(tile);
    tiles_b.turn(tile);
  };

  // Lane bit 0 belongs to the columns, bit 1 to the rows: see 10 warp_tile.
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warp_row = warp / warps_n * tuning::warp_m + lane / 2 % lanes_m * 4;
  const int warp_col = warp % warps_n * tuning::warp_n + (lane % 2 + lane / 16 * 2) * 4;
  const float* from_a = nullptr;
  const float* from_b = nullptr;
  alignas(16) float a[2][thread_m], b[2][thread_n];  // fragments: buffer 0 for even k, 1 for odd
  const auto begin_tile = [&](int tile) {
    from_a = tiles_a.k_major(tile) + warp_row;
    from_b = tiles_b.k_major(tile) + warp_col;
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
  alignas(16) float sum[thread_m][thread_n] = {};
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

  constexpr int rotation = thread_m * 5 / 8;  // rows of odd k done before the trip ends

  if (threadIdx.x == 0) landed.init();
  request(0);
  __syncthreads();
  receive(0);
  __syncthreads();
  request(1);
  begin_tile(0);
  if (tiles > 0) read_fragments(0, 0);

  for (int tile = 0; tile < tiles; ++tile) {
    const int k_left = p.depth() - tile * tuning::block_k;
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
    receive(tile + 1);
    __syncthreads();  // the next tile is turned, and nobody reads this one any more
    request(tile + 2);
    begin_tile(tile + 1);
    if (tile + 1 < tiles) read_fragments(0, 0);
    multiply_rows(rotation, thread_m, 1);
  }

  const bool vectors = p.n % 4 == 0 && p.ldc % 4 == 0 && detail::is_float4_aligned(p.c);
  const std::int64_t col = std::int64_t{first_col} + warp_col;
#pragma unroll
  for (int i = 0; i < thread_m; ++i) {
    const std::int64_t row = std::int64_t{first_row} + warp_row + i / 4 * lanes_m * 4 + i % 4;
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
}

struct tensor_copy {
  static constexpr rung_info info{12, "tensor_copy",
                                  "the copy engine loads, registers only multiply", 90};
  /// Three tiles of B, one raw and two turned, leave room for half the depth.
  template <bool TurnA, bool TurnB>
  using tuning = tensor_copy_tuning<128, 256, TurnB ? 32 : 64, 64, 64, 1>;

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (p.depth() > 0 && !(can_tensor_map(p.a, p.lda) && can_tensor_map(p.b, p.ldb)))
      return {"a, b need 16-byte alignment, lda, ldb multiples of 4"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.trans_a == transpose::no) {
      return p.trans_b == transpose::no ? launch_tuned<tuning<true, false>, true, false>(p, stream)
                                        : launch_tuned<tuning<true, true>, true, true>(p, stream);
    }
    return p.trans_b == transpose::no ? launch_tuned<tuning<false, false>, false, false>(p, stream)
                                      : launch_tuned<tuning<false, true>, false, true>(p, stream);
  }

  /// The same with a tuning of the caller's choice; TurnA: A is not transposed, TurnB: B is.
  template <class Tuning, bool TurnA, bool TurnB>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream) {
    return launch_slices<Tuning, TurnA, TurnB>(p, p.k, 1, stream);
  }

  /// `slices` products side by side, number i over p.k of the whole_k from i * p.k on, into
  /// p.c + i * p.stride_c: the first half of a split-k. p.k must be even if slices > 1.
  template <class Tuning, bool TurnA, bool TurnB>
  static cudaError_t launch_slices(const problem<float>& p, std::int64_t whole_k, int slices,
                                   cudaStream_t stream) {
    using tile_a = detail::tensor_tile<Tuning::threads, Tuning::block_k, Tuning::block_m, TurnA>;
    using tile_b = detail::tensor_tile<Tuning::threads, Tuning::block_k, Tuning::block_n, TurnB>;
    if (p.is_empty()) return cudaSuccess;
    const std::int64_t blocks =
        ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n);
    if (blocks > std::numeric_limits<std::int32_t>::max() || slices > 65535)
      return cudaErrorInvalidValue;

    tensor_map map_a = {}, map_b = {};
    if (p.depth() > 0) {
      cudaError_t status = tile_a::make_map(map_a, p.a, p.m, whole_k, p.lda);
      if (status == cudaSuccess) status = tile_b::make_map(map_b, p.b, p.n, whole_k, p.ldb);
      if (status != cudaSuccess) return status;
    }
    return warpladder::launch_kernel(
        tensor_copy_kernel<Tuning, TurnA, TurnB>,
        {.grid = dim3(unsigned(blocks), unsigned(slices)),
         .block = dim3(Tuning::threads),
         .shared_bytes = (tile_a::shared_floats + tile_b::shared_floats) * sizeof(float),
         .stream = stream},
        p, map_a, map_b);
  }
};

}  // namespace warpladder::gemm
