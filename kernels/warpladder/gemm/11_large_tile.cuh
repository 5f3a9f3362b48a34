// SPDX-License-Identifier: Apache-2.0
//
// 11 large_tile. Before: 8 x 8 outputs per thread spend 4 of 68 instructions on fragment loads.
//
// Idea: spend the whole register file on accumulators. One block of 256 threads per multiprocessor,
// 8 x 16 outputs per thread: per k a thread issues 6 LDS.128 for 128 FFMA, 95.5% FFMA against 94%,
// and every element fetched from L2 is used 128 (of A, by 256 columns) or 256 times.
// The price is occupancy: 8 warps, two per scheduler, hide latency by the 128 independent
// multiply-adds of each and not by each other.
//
// Second idea, because it costs nothing here: any layout. The tile loader walks the contiguous
// direction of an operand whichever that is, 4 bytes per copy ("narrow"), transposing into the
// k-major tile on the way; an operand whose rows run along the tile and are 16-byte aligned takes
// 16 bytes per copy ("wide"). Rows and columns beyond the edge are clamped to the last legal one:
// they compute values that nobody stores, and the inner loop needs no predicates but in k.
// Limited by: 6 LDS + 1.1 cp.async per 128 FFMA, one barrier per k-tile, the last wave of tiles
// being part empty -> 12 stream_k.
#pragma once

#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/problem.hpp>

#include <type_traits>

namespace warpladder::gemm {

/// One operand's way from global memory into a ring of k-major tiles of depth x width elements.
/// `pitch` separates the tile's k rows: width + 4 keeps float4 alignment and spreads the four rows
/// x eight k of a narrow warp request over all 32 banks (bank = 4 k + row).
template <int Threads, int Depth, int Width, bool Wide>
struct tile_loader {
  static constexpr int pitch = Width + 4;
  static constexpr int slab = 8;  // k rows that one round of passes covers
  static constexpr int lanes_k = slab;
  static constexpr int per_copy = Wide ? 4 : 1;
  static constexpr int passes = Width * slab / (Threads * per_copy);
  static_assert(Depth % slab == 0 && Width * slab % (Threads * per_copy) == 0);

  const float* source[passes];
  int target[passes];  // offsets into the tile
  int k_of_pass[passes];
  std::int64_t k_step;

  /// The tile's rows start at `first` of `limit`; element (row, k) is base[row * row_step + k * k_step].
  __device__ tile_loader(const float* base, std::int64_t first, std::int64_t limit,
                         std::int64_t row_step, std::int64_t k_step)
      : k_step(k_step) {
    const bool along_k = !Wide && k_step == 1;
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) {
      const int index = int(threadIdx.x) + pass * Threads;
      const int k = along_k ? index % slab : index / (Width / per_copy);
      const int row = along_k ? index / slab : index % (Width / per_copy) * per_copy;
      std::int64_t clamped = first + row;
      if (clamped > limit - per_copy) clamped = limit - per_copy;
      source[pass] = base + clamped * row_step + k * k_step;
      target[pass] = k * pitch + row;
      k_of_pass[pass] = k;
    }
  }

  /// Starts the copies of the next tile; k_left says how much of its depth exists.
  __device__ __forceinline__ void load(float* tile, int k_left) {
    if (k_left >= Depth) {
#pragma unroll
      for (int k = 0; k < Depth; k += slab) {
#pragma unroll
        for (int pass = 0; pass < passes; ++pass) {
          async_copy<4 * per_copy>(&tile[target[pass] + k * pitch], source[pass] + k * k_step);
        }
      }
    } else {
#pragma unroll
      for (int k = 0; k < Depth; k += slab) {
#pragma unroll
        for (int pass = 0; pass < passes; ++pass) {
          const bool valid = k_of_pass[pass] + k < k_left;
          async_copy<4 * per_copy>(&tile[target[pass] + k * pitch],
                                   valid ? source[pass] + k * k_step : source[pass], valid);
        }
      }
    }
  }

  /// Moves on to the next tile. Apart from load(), which still holds the address registers for as
  /// long as its copies wait for the memory pipe: an add right behind it would wait with them.
  __device__ __forceinline__ void advance() {
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) source[pass] += Depth * k_step;
  }
};

template <class Tuning, bool WideA, bool WideB>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    large_tile_kernel(problem<float> p) {
  using tuning = Tuning;
  constexpr int lanes_m = tuning::warp_m / tuning::thread_m;
  constexpr int lanes_n = tuning::warp_n / tuning::thread_n;
  constexpr int warps_n = tuning::block_n / tuning::warp_n;
  constexpr int pieces_m = tuning::thread_m / 4, pieces_n = tuning::thread_n / 4;
  static_assert(lanes_m == 8 && lanes_n == 4, "the lanes of a warp tile its output exactly");
  static_assert(tuning::block_m / tuning::warp_m * warps_n * 32 == tuning::threads);
  using loader_a = tile_loader<tuning::threads, tuning::block_k, tuning::block_m, WideA>;
  using loader_b = tile_loader<tuning::threads, tuning::block_k, tuning::block_n, WideB>;
  constexpr int a_size = tuning::block_k * loader_a::pitch;
  constexpr int b_size = tuning::block_k * loader_b::pitch;
  float* const a_tiles = dynamic_shared<float>();
  float* const b_tiles = a_tiles + tuning::stages * a_size;

  const int tiles_n = int(ceil_div<std::int64_t>(p.n, tuning::block_n));
  const std::int64_t first_row = std::int64_t(blockIdx.x / tiles_n) * tuning::block_m;
  const std::int64_t first_col = std::int64_t(blockIdx.x % tiles_n) * tuning::block_n;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  // A 16-byte shared read takes two wavefronts instead of four if lanes that differ in bit 0 alone,
  // or in bit 1 alone, read the same address: so bit 0 belongs to the columns, bit 1 to the rows.
  const int warp_row = warp / warps_n * tuning::warp_m + lane / 2 % lanes_m * 4;
  const int warp_col = warp % warps_n * tuning::warp_n + (lane % 2 + lane / 16 * 2) * 4;

  loader_a load_a(p.a, first_row, p.m, p.a_row(), p.a_col());
  loader_b load_b(p.b, first_col, p.n, p.b_col(), p.b_row());
  const int depth = p.depth();
  const int tiles = ceil_div(depth, tuning::block_k);

  int k_left = depth;  // not yet fetched
  int fetch_slot = 0;
  const auto fetch = [&] {
    if (k_left > 0) {
      load_a.load(a_tiles + fetch_slot * a_size, k_left);
      load_b.load(b_tiles + fetch_slot * b_size, k_left);
    }
    async_copy_commit();
  };
  const auto advance = [&] {
    load_a.advance();
    load_b.advance();
    k_left -= tuning::block_k;
    fetch_slot = fetch_slot + 1 == tuning::stages ? 0 : fetch_slot + 1;
  };

  float a[2][tuning::thread_m], b[2][tuning::thread_n];  // fragments of two consecutive k
  const auto read_fragments = [&](int slot, int k, int buffer) {
#pragma unroll
    for (int piece = 0; piece < pieces_m; ++piece) {
      *reinterpret_cast<float4*>(&a[buffer][piece * 4]) = *reinterpret_cast<const float4*>(
          &a_tiles[slot * a_size + k * loader_a::pitch + warp_row + piece * lanes_m * 4]);
    }
#pragma unroll
    for (int piece = 0; piece < pieces_n; ++piece) {
      *reinterpret_cast<float4*>(&b[buffer][piece * 4]) = *reinterpret_cast<const float4*>(
          &b_tiles[slot * b_size + k * loader_b::pitch + warp_col + piece * lanes_n * 4]);
    }
  };

  for (int stage = 0; stage < tuning::stages - 1; ++stage) {
    fetch();
    advance();
  }
  async_copy_wait<tuning::stages - 2>();
  __syncthreads();
  if (tiles > 0) read_fragments(0, 0, 0);

  float sum[tuning::thread_m][tuning::thread_n] = {};
  int slot = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    const int next_slot = slot + 1 == tuning::stages ? 0 : slot + 1;
#pragma unroll
    for (int k = 0; k < tuning::block_k; ++k) {
      if (k + 1 == tuning::block_k) {
        async_copy_wait<tuning::stages - 2>();
        __syncthreads();
        read_fragments(next_slot, 0, 0);
      } else {
        read_fragments(slot, k + 1, (k + 1) % 2);
      }
      if (k == 0) fetch();
      if (k == tuning::block_k / 2) advance();
#pragma unroll
      for (int i = 0; i < tuning::thread_m; ++i) {
#pragma unroll
        for (int j = 0; j < tuning::thread_n; ++j) sum[i][j] += a[k % 2][i] * b[k % 2][j];
      }
    }
    slot = next_slot;
  }
  async_copy_wait<0>();

  const bool vector_store = p.n % 4 == 0 && p.ldc % 4 == 0 &&
                            reinterpret_cast<std::uintptr_t>(p.c) % sizeof(float4) == 0;
#pragma unroll
  for (int i = 0; i < tuning::thread_m; ++i) {
    const std::int64_t row = first_row + warp_row + i / 4 * lanes_m * 4 + i % 4;
    if (row >= p.m) continue;
#pragma unroll
    for (int piece = 0; piece < pieces_n; ++piece) {
      const std::int64_t col = first_col + warp_col + piece * lanes_n * 4;
      float* const c = &p.c[row * p.ldc + col];
      float* const s = &sum[i][piece * 4];
      if (vector_store && col < p.n) {
        float4 out = make_float4(p.alpha * s[0], p.alpha * s[1], p.alpha * s[2], p.alpha * s[3]);
        if (p.beta != 0) {
          const float4 old = *reinterpret_cast<const float4*>(c);
          out = make_float4(out.x + p.beta * old.x, out.y + p.beta * old.y, out.z + p.beta * old.z,
                            out.w + p.beta * old.w);
        }
        *reinterpret_cast<float4*>(c) = out;
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (col + j < p.n) store_scaled(&c[j], s[j], p.alpha, p.beta);
        }
      }
    }
  }
}

}  // namespace warpladder::gemm
