// SPDX-License-Identifier: Apache-2.0
//
// 11 large_tile. Before: 8 x 8 outputs per thread issue 4 LDS.128 for 64 FFMA.
//
// Idea: spend the whole register file on accumulators. One block of 256 threads per multiprocessor,
// 8 x 16 outputs per thread: 6 LDS.128 for 128 FFMA, 95.5% FFMA against 94%, and an element fetched
// from L2 is used 256 (of A) or 128 times. The price is occupancy: 8 warps, two per scheduler, hide
// latency by the 128 independent multiply-adds of each and not by each other.
// Three details of the inner loop that registers this full demand (measured in docs/gemm.md,
// Worklog): rows in serpentine order, so that the operand at the turn is still in the reuse cache;
// a loop of 2 k instead of an unrolled tile; and its start in the middle of a k, so that no
// fragment is read in one trip and waited for at the top of the next.
//
// And any layout, at last: the loader walks the contiguous direction of an operand, whichever that
// is, 4 bytes per copy (narrow), transposing on the way; 16 bytes per copy (wide) where the rows of
// the tile are contiguous and aligned. Rows beyond the edge are clamped to the last legal one: they
// compute what nobody stores, and only the last k-tile needs predicates.
// Limited by: the copies. Per 16 k a thread issues 12 to 24 of them in one burst, with addresses in
// 24 registers, and two warps per scheduler cannot hide it -> 12 tensor_copy.
#pragma once

#include <limits>
#include <warpladder/core/async_copy.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/gemm/detail/float4.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// A block computes block_m x block_n of C in steps of block_k; a warp warp_m x warp_n of that, its
/// lanes 8 x 4 with warp_m / 8 x warp_n / 4 outputs each.
template <int BlockM, int BlockN, int BlockK, int WarpM, int WarpN, int Stages, int BlocksPerSm>
struct large_tile_tuning {
  static constexpr int block_m = BlockM, block_n = BlockN, block_k = BlockK;
  static constexpr int warp_m = WarpM, warp_n = WarpN, stages = Stages;
  static constexpr int blocks_per_sm = BlocksPerSm;
  static constexpr int threads = BlockM / WarpM * (BlockN / WarpN) * 32;
  static_assert(WarpM % 32 == 0 && WarpN % 16 == 0 && BlockK % 8 == 0 && Stages >= 2);
};

/// One operand's way into k-major tiles of Depth x Width. The pitch of 4 more floats keeps float4
/// alignment and spreads the 8 k x 4 rows that a warp copies along k over all 32 banks.
template <int Threads, int Depth, int Width, bool Wide>
class large_tile_loader {
 public:
  static constexpr int pitch = Width + 4;

  /// Rows of the tile are rows `first` to `limit` of the operand; element (row, k) lies at
  /// base[row * row_step + k * k_step].
  __device__ large_tile_loader(const float* base, std::int64_t first, std::int64_t limit,
                               std::int64_t row_step, std::int64_t k_step)
      : k_step_(k_step) {
    const bool along_k = !Wide && k_step == 1;
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) {
      const int index = int(threadIdx.x) + pass * Threads;
      const int k = along_k ? index % slab : index / (Width / per_copy);
      const int row = along_k ? index / slab : index % (Width / per_copy) * per_copy;
      const std::int64_t last = limit - per_copy;
      const std::int64_t clamped = first + row < last ? first + row : last;
      source_[pass] = base + clamped * row_step + k * k_step;
      target_[pass] = k * pitch + row;
    }
  }

  /// Starts the copies of the next tile, of which k_left k exist; then moves on.
  __device__ __forceinline__ void load(float* tile, int k_left) {
#pragma unroll
    for (int k = 0; k < Depth; k += slab) {
#pragma unroll
      for (int pass = 0; pass < passes; ++pass) {
        const bool valid = k_left >= Depth || target_[pass] / pitch + k < k_left;
        async_copy<4 * per_copy>(&tile[target_[pass] + k * pitch], source_[pass] + k * k_step_,
                                 valid);
      }
    }
  }
  __device__ __forceinline__ void advance() {
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) source_[pass] += Depth * k_step_;
  }

 private:
  static constexpr int slab = 8;  // k that one round of passes covers
  static constexpr int per_copy = Wide ? 4 : 1;
  static constexpr int passes = Width * slab / (Threads * per_copy);
  static_assert(Depth % slab == 0 && Width * slab % (Threads * per_copy) == 0);

  const float* source_[passes];
  int target_[passes];
  std::int64_t k_step_;
};

template <class Tuning, bool WideA, bool WideB>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    large_tile_kernel(problem<float> p) {
  using tuning = Tuning;
  constexpr int lanes_m = 8, lanes_n = 4;
  constexpr int warps_n = tuning::block_n / tuning::warp_n;
  constexpr int thread_m = tuning::warp_m / lanes_m, thread_n = tuning::warp_n / lanes_n;
  using loader_a = large_tile_loader<tuning::threads, tuning::block_k, tuning::block_m, WideA>;
  using loader_b = large_tile_loader<tuning::threads, tuning::block_k, tuning::block_n, WideB>;
  constexpr int a_size = tuning::block_k * loader_a::pitch;
  constexpr int stage_size = a_size + tuning::block_k * loader_b::pitch;
  constexpr int ring_size = tuning::stages * stage_size;
  float* const ring = dynamic_shared<float>();

  const int blocks_n = int(ceil_div<std::int64_t>(p.n, tuning::block_n));
  const std::int64_t first_row = std::int64_t{blockIdx.x / blocks_n} * tuning::block_m;
  const std::int64_t first_col = std::int64_t{blockIdx.x % blocks_n} * tuning::block_n;
  const int depth = p.depth();
  p.a += blockIdx.y * p.stride_a;  // grid.y: the batch
  p.b += blockIdx.y * p.stride_b;
  p.c += blockIdx.y * p.stride_c;

  loader_a load_a(p.a, first_row, p.m, p.a_row(), p.a_col());
  loader_b load_b(p.b, first_col, p.n, p.b_col(), p.b_row());
  int k_left = depth, load_offset = 0;
  const auto load = [&] {
    if (k_left > 0) {
      load_a.load(ring + load_offset, k_left);
      load_b.load(ring + load_offset + a_size, k_left);
    }
    async_copy_commit();
  };
  // Apart from load(): the copies hold their address registers until the memory pipe has taken
  // them.
  const auto advance = [&] {
    load_a.advance();
    load_b.advance();
    k_left -= tuning::block_k;
    load_offset = load_offset + stage_size == ring_size ? 0 : load_offset + stage_size;
  };

  // Lane bit 0 belongs to the columns, bit 1 to the rows: see 10 warp_tile.
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warp_row = warp / warps_n * tuning::warp_m + lane / 2 % lanes_m * 4;
  const int warp_col = warp % warps_n * tuning::warp_n + (lane % 2 + lane / 16 * 2) * 4;
  int tile_offset = 0;
  const float* from_a = ring + warp_row;
  const float* from_b = ring + a_size + warp_col;
  alignas(16) float a[2][thread_m], b[2][thread_n];  // fragments: buffer 0 for even k, 1 for odd
  const auto read_fragments = [&](int k, int buffer) {
#pragma unroll
    for (int i = 0; i < thread_m; i += 4)
      detail::as_float4(&a[buffer][i]) =
          detail::as_float4(&from_a[k * loader_a::pitch + i * lanes_m]);
#pragma unroll
    for (int j = 0; j < thread_n; j += 4)
      detail::as_float4(&b[buffer][j]) =
          detail::as_float4(&from_b[k * loader_b::pitch + j * lanes_n]);
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

  for (int stage = 0; stage < tuning::stages - 1; ++stage) {
    load();
    advance();
  }
  async_copy_wait<tuning::stages - 2>();
  __syncthreads();
  if (depth > 0) read_fragments(0, 0);

  constexpr int rotation = thread_m * 5 / 8;  // rows of odd k done before the trip ends
  for (int k_done = 0; k_done < depth; k_done += tuning::block_k) {
    load();
    read_fragments(1, 1);
    multiply_rows(0, thread_m, 0);
    multiply_rows(0, rotation, 1);
#pragma unroll 1
    for (int k = 2; k < tuning::block_k; k += 2) {
      read_fragments(2, 0);
      multiply_rows(rotation, thread_m, 1);
      read_fragments(3, 1);
      multiply_rows(0, thread_m, 0);
      multiply_rows(0, rotation, 1);
      from_a += 2 * loader_a::pitch;
      from_b += 2 * loader_b::pitch;
    }
    advance();
    async_copy_wait<tuning::stages - 2>();
    __syncthreads();  // the next tile has landed, and nobody reads this one any more
    tile_offset = tile_offset + stage_size == ring_size ? 0 : tile_offset + stage_size;
    from_a = ring + tile_offset + warp_row;
    from_b = ring + tile_offset + a_size + warp_col;
    if (k_done + tuning::block_k < depth) read_fragments(0, 0);
    multiply_rows(rotation, thread_m, 1);
  }

  const bool vectors = p.n % 4 == 0 && p.ldc % 4 == 0 && detail::is_float4_aligned(p.c);
  const std::int64_t col = first_col + warp_col;
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
}

struct large_tile {
  static constexpr rung_info info{11, "large_tile", "8 x 16 outputs per thread, any layout", 80};
  using tuning = large_tile_tuning<128, 256, 16, 64, 64, 3, 1>;

  template <class T>
  static support supports(const problem<T>& p) {
    if (p.batch > 65535) return {"batch exceeds grid.y"};
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned<tuning>(p, stream);
  }

  /// The same with a tuning of the caller's choice.
  template <class Tuning>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream) {
    const auto wide = [&](const float* base, std::int64_t ld, std::int64_t width, bool along_k,
                          std::int64_t stride) {
      return !along_k && width % 4 == 0 && ld % 4 == 0 && detail::is_float4_aligned(base) &&
             (p.batch == 1 || stride % 4 == 0);
    };
    const bool wide_a = wide(p.a, p.lda, p.m, p.trans_a == transpose::no, p.stride_a);
    const bool wide_b = wide(p.b, p.ldb, p.n, p.trans_b == transpose::yes, p.stride_b);
    if (wide_b) {
      return wide_a ? launch_wide<Tuning, true, true>(p, stream)
                    : launch_wide<Tuning, false, true>(p, stream);
    }
    return launch_wide<Tuning, false, false>(p, stream);
  }

 private:
  template <class Tuning, bool WideA, bool WideB>
  static cudaError_t launch_wide(const problem<float>& p, cudaStream_t stream) {
    if (p.is_empty()) return cudaSuccess;
    const std::int64_t blocks =
        ceil_div<std::int64_t>(p.m, Tuning::block_m) * ceil_div<std::int64_t>(p.n, Tuning::block_n);
    if (blocks > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    constexpr int stage_floats = Tuning::block_k * (Tuning::block_m + 4 + Tuning::block_n + 4);
    return warpladder::launch_kernel(large_tile_kernel<Tuning, WideA, WideB>,
                                     {.grid = dim3(unsigned(blocks), unsigned(p.batch)),
                                      .block = dim3(Tuning::threads),
                                      .shared_bytes = Tuning::stages * stage_floats * sizeof(float),
                                      .stream = stream},
                                     p);
  }
};

}  // namespace warpladder::gemm
