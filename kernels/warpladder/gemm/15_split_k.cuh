// SPDX-License-Identifier: Apache-2.0
//
// 15 split_k. Before: slice_k fills one multiprocessor per tile of C. When C is small and k is
// large there are few tiles (64 x 64 x 16384: 4 of 32 x 32), and most of the machine idles.
//
// Idea: cut k between blocks too. Each of `splits` blocks leaves its partial tile in the caller's
// workspace; a second kernel adds the partial tiles in their order, so equal inputs give equal bits
// (adding with atomics would save that kernel and give another result every day).
//
// How many: time is that of the busiest multiprocessor, ceil(tiles * splits / multiprocessors)
// blocks of k / splits steps. Only splits that just fill one, two, ... whole waves can be best, so
// four candidates are weighed. 64 x 64 x 16384: 33 splits of 4 tiles, 132 blocks of 497 steps: 2 us
// of multiply-adds instead of 65.
// Price: splits * m * n floats written to L2 and read again (0.5 MB there, 0.3 us), and a second
// launch: 0.8 us in a graph, hidden in a stream whose first kernel runs longer than a launch takes.
// Limited by: that second launch -> 16. For few rows and huge k * n: device memory.
#pragma once

#include <limits>
#include <warpladder/core/device.hpp>
#include <warpladder/gemm/14_slice_k.cuh>

namespace warpladder::gemm {

/// Into how many parts of at least 64 steps to cut k, at most `most`, for `tiles` tiles of C.
/// `price` is what splitting costs at all, in cycles of a multiprocessor.
template <class Tuning>
int choose_splits(std::int64_t tiles, int k, int most, int price) {
  device_facts device;
  if (query_device(device) != cudaSuccess) return 1;
  // Half the peak of 128 multiply-adds per cycle; filling the pipeline and reducing: 600 cycles.
  constexpr std::int64_t cycles_per_step = ceil_div(Tuning::tile_m * Tuning::tile_n, 64);
  const auto cycles = [&](std::int64_t splits) {
    return ceil_div<std::int64_t>(tiles * splits, device.multiprocessors) *
               (ceil_div<std::int64_t>(k, splits) * cycles_per_step + 600) +
           (splits > 1 ? price : 0);
  };
  most = std::max(1, std::min(most, k / 64));
  int best = 1;
  for (int waves = 1; waves <= 4; ++waves) {
    const auto splits =
        int(std::clamp<std::int64_t>(waves * device.multiprocessors / tiles, 1, most));
    if (cycles(splits) < cycles(best)) best = splits;
  }
  return best;
}

/// One block's piece of k: whole sectors of eight elements, the last piece shorter or empty.
struct k_piece {
  int begin, end;
  __device__ k_piece(int k, int splits, int index) {
    const std::int64_t length = round_up(ceil_div(k, splits), 8);
    begin = int(min(length * index, std::int64_t(k)));
    end = int(min(length * (index + 1), std::int64_t(k)));
  }
};

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks)
    split_k_kernel(problem<float> p, slice_k_wide wide, float* partial) {
  const std::int64_t row0 = std::int64_t(blockIdx.y) * Tuning::tile_m;
  const std::int64_t column0 = std::int64_t(blockIdx.x) * Tuning::tile_n;
  const k_piece piece(p.depth(), int(gridDim.z), int(blockIdx.z));
  float* mine = partial + blockIdx.z * p.m * p.n;
  slice_k_tile<Tuning>(p, wide, row0, column0, piece.begin, piece.end, dynamic_shared<float>(),
                       [&](int row, int column, float sum) {
                         if (row0 + row < p.m && column0 + column < p.n)
                           mine[(row0 + row) * p.n + column0 + column] = sum;
                       });
}

/// C from the partial products, one thread per element. A template so that it may live in a header.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    split_k_reduce_kernel(problem<float> p, const float* partial, int splits) {
  const std::int64_t element = std::int64_t(blockIdx.x) * Threads + threadIdx.x;
  if (element >= p.m * p.n) return;
  float sum = 0;
#pragma unroll 8
  for (int split = 0; split < splits; ++split) sum += partial[split * p.m * p.n + element];
  store_scaled(&p.c[element / p.n * p.ldc + element % p.n], sum, p.alpha, p.beta);
}

struct split_k {
  static constexpr rung_info info{.step = 15,
                                  .name = "split_k",
                                  .idea = "blocks split k, a second kernel adds the parts",
                                  .min_compute_capability = 80};
  using tuning = slice_k_tuning<32, 32, 8, 4, 8, 64, 3>;
  static constexpr int max_splits = 256, reduce_threads = 128;

  static support supports(const problem<float>& p) {
    if (p.m * p.n > std::int64_t{1} << 31) return {"C is large: splitting k has nothing to win"};
    return slice_k::supports(p);
  }

  template <class Tuning = tuning>
  static int splits(const problem<float>& p) {
    if (p.is_empty()) return 1;
    const std::int64_t tiles =
        ceil_div<std::int64_t>(p.m, Tuning::tile_m) * ceil_div<std::int64_t>(p.n, Tuning::tile_n);
    return choose_splits<Tuning>(tiles, p.depth(), max_splits, 2500);
  }

  static std::size_t workspace_bytes(const problem<float>& p) {
    const int count = splits(p);
    return count == 1 ? 0 : std::size_t(count) * p.m * p.n * sizeof(float);
  }

  template <class Tuning = tuning>
  static cudaError_t launch_tuned(const problem<float>& p, cudaStream_t stream,
                                  workspace_view workspace, int count) {
    if (p.is_empty()) return cudaSuccess;
    if (count == 1) return slice_k::launch_tuned<Tuning>(p, stream);
    if (workspace.bytes < std::size_t(count) * p.m * p.n * sizeof(float))
      return cudaErrorInvalidValue;
    float* partial = static_cast<float*>(workspace.data);
    const dim3 grid(ceil_div<std::int64_t>(p.n, Tuning::tile_n),
                    ceil_div<std::int64_t>(p.m, Tuning::tile_m), count);
    const int longest = round_up(ceil_div(p.depth(), count), 8);
    const cudaError_t status =
        warpladder::launch_kernel(split_k_kernel<Tuning>,
                                  {.grid = grid,
                                   .block = dim3(Tuning::threads),
                                   .shared_bytes = slice_k_shared_bytes<Tuning>(longest),
                                   .stream = stream},
                                  p, slice_k_choose_wide(p), partial);
    return status != cudaSuccess ? status : add_up(p, partial, count, stream);
  }

  /// The second half: C from `count` dense partial products.
  static cudaError_t add_up(const problem<float>& p, const float* partial, int count,
                            cudaStream_t stream) {
    const dim3 elements(ceil_div<std::int64_t>(p.m * p.n, reduce_threads));
    return warpladder::launch_kernel(
        split_k_reduce_kernel<reduce_threads>,
        {.grid = elements, .block = dim3(reduce_threads), .stream = stream}, p, partial, count);
  }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream,
                            workspace_view workspace) {
    return launch_tuned(p, stream, workspace, splits(p));
  }
};

}  // namespace warpladder::gemm
