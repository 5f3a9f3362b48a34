// SPDX-License-Identifier: Apache-2.0
//
// 13 skinny. Before: a C of one row or one column (a matrix times a few vectors) is a sliver of a
// tile: 1 x 4096 x 4096 uses 1 of 128 rows, and 32 tiles of 132 multiprocessors.
//
// Idea: with m or n <= 4 every element of the large matrix is used at most four times, so staging
// it in shared memory buys nothing. Stream it straight to registers, many independent 16-byte loads
// per thread, and spread k over threads until every multiprocessor has enough of them in flight.
// Which threads share an output depends on which way the large matrix lies in memory:
//   along its rows ("across"): neighbouring lanes own neighbouring outputs, the rest of the block
//   slices k; partial sums meet by warp shuffles and through shared memory;
//   along k ("along"): the whole block walks k of four rows, and reduces them to four numbers.
// The order of every sum is fixed: equal inputs give equal bits.
//
// Traffic: the large matrix once: 64 MiB at 3.0 TB/s is 22 us for 1 x 4096 x 4096. Little's law:
// 3.0 TB/s * 0.7 us is 2.1 MB in flight, 16 KB per multiprocessor; 512 threads with eight loads of
// 16 bytes have 64 KB.
// Limited by: device memory. From 5 rows on, by registers -> 15 split_k.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

/// The problem seen from its large matrix: C'(row, i) = sum over k of large(row, k) * few(i, k).
/// C = A B and C^T = B^T A^T make one of both orientations.
struct skinny_view {
  const float *large, *few;
  std::int64_t rows, large_row, large_k, few_row, few_k, c_row, c_few;
  int count;  // rows of `few`: at most 4

  explicit skinny_view(const problem<float>& p) {
    const bool flat = p.m <= p.n;
    large = flat ? p.b : p.a, few = flat ? p.a : p.b;
    rows = flat ? p.n : p.m, count = int(flat ? p.m : p.n);
    large_row = flat ? p.b_col() : p.a_row(), large_k = flat ? p.b_row() : p.a_col();
    few_row = flat ? p.a_row() : p.b_col(), few_k = flat ? p.a_col() : p.b_row();
    c_row = flat ? 1 : p.ldc, c_few = flat ? p.ldc : 1;
  }
  bool along() const { return large_k == 1; }
  /// Whether four neighbouring elements of `large` can be loaded at once everywhere.
  bool wide(int k) const {
    return reinterpret_cast<std::uintptr_t>(large) % 16 == 0 &&
           (along() ? large_row % 4 == 0 && k % 4 == 0 : large_k % 4 == 0 && rows % 4 == 0);
  }
};

template <int Width>
struct alignas(Width * sizeof(float)) skinny_vector {
  float element[Width];
};

struct skinny_tuning {
  static constexpr int across_threads = 512, across_loads = 8, across_max_lanes = 32;
  static constexpr int along_threads = 256, along_rows = 4, along_loads = 2;
};

/// `lanes` (4 to 32, a power of two) neighbouring threads own Width rows each; the others slice k.
template <int Few, int Width>
__global__ void __launch_bounds__(skinny_tuning::across_threads)
    skinny_across_kernel(skinny_view v, problem<float> p, int lanes) {
  constexpr int threads = skinny_tuning::across_threads, warps = threads / 32;
  constexpr int loads = Few == 1 ? skinny_tuning::across_loads : skinny_tuning::across_loads / 2;
  __shared__ float partial[warps][Few][skinny_tuning::across_max_lanes * Width];
  const int lane = int(threadIdx.x) % lanes, slices = threads / lanes, k_end = p.depth();
  const std::int64_t row0 = std::int64_t(blockIdx.x) * lanes * Width, row = row0 + lane * Width;

  float sum[Few][Width] = {};
  for (std::int64_t k = int(threadIdx.x) / lanes; k < k_end && row < v.rows; k += loads * slices) {
    skinny_vector<Width> x[loads] = {};
    float y[loads][Few] = {};
#pragma unroll
    for (int i = 0; i < loads; ++i) {
      const std::int64_t at = k + i * slices;
      if (at >= k_end) continue;
      x[i] = *reinterpret_cast<const skinny_vector<Width>*>(&v.large[row + at * v.large_k]);
#pragma unroll
      for (int f = 0; f < Few; ++f)
        if (f < v.count) y[i][f] = v.few[f * v.few_row + at * v.few_k];
    }
#pragma unroll
    for (int i = 0; i < loads; ++i)
#pragma unroll
      for (int f = 0; f < Few; ++f)
#pragma unroll
        for (int j = 0; j < Width; ++j) sum[f][j] += x[i].element[j] * y[i][f];
  }

#pragma unroll
  for (int f = 0; f < Few; ++f)
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      for (int offset = lanes; offset < 32; offset *= 2)
        sum[f][j] += __shfl_xor_sync(0xffffffffu, sum[f][j], offset);
      if (int(threadIdx.x) % 32 < lanes) partial[threadIdx.x / 32][f][lane * Width + j] = sum[f][j];
    }
  __syncthreads();
  for (int i = int(threadIdx.x); i < Few * lanes * Width; i += threads) {
    const int f = i / (lanes * Width), column = i % (lanes * Width);
    float total = 0;
#pragma unroll
    for (int warp = 0; warp < warps; ++warp) total += partial[warp][f][column];
    if (f < v.count && row0 + column < v.rows)
      store_scaled(&p.c[f * v.c_few + (row0 + column) * v.c_row], total, p.alpha, p.beta);
  }
}

/// The block's threads walk k together; each load of a vector of `few` serves along_rows rows.
template <int Few, int Width>
__global__ void __launch_bounds__(skinny_tuning::along_threads)
    skinny_along_kernel(skinny_view v, problem<float> p) {
  constexpr int threads = skinny_tuning::along_threads, rows = skinny_tuning::along_rows;
  constexpr int loads = skinny_tuning::along_loads;
  __shared__ float partial[threads / 32][Few][rows];
  const std::int64_t row0 = std::int64_t(blockIdx.x) * rows;
  const int k_end = p.depth();

  float sum[Few][rows] = {};
  for (std::int64_t k = threadIdx.x * Width; k < k_end; k += loads * threads * Width) {
    skinny_vector<Width> x[loads][rows] = {};
#pragma unroll
    for (int i = 0; i < loads; ++i)
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        const std::int64_t at = k + i * threads * Width;
        if (at < k_end && row0 + r < v.rows)
          x[i][r] = *reinterpret_cast<const skinny_vector<Width>*>(
              &v.large[(row0 + r) * v.large_row + at]);
      }
#pragma unroll
    for (int i = 0; i < loads; ++i)
#pragma unroll
      for (int f = 0; f < Few; ++f)
#pragma unroll
        for (int j = 0; j < Width; ++j) {
          const std::int64_t at = k + i * threads * Width + j;
          if (at >= k_end || f >= v.count) continue;
          const float y = v.few[f * v.few_row + at * v.few_k];
#pragma unroll
          for (int r = 0; r < rows; ++r) sum[f][r] += x[i][r].element[j] * y;
        }
  }

#pragma unroll
  for (int f = 0; f < Few; ++f)
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      for (int offset = 16; offset > 0; offset /= 2)
        sum[f][r] += __shfl_xor_sync(0xffffffffu, sum[f][r], offset);
      if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32][f][r] = sum[f][r];
    }
  __syncthreads();
  const int f = int(threadIdx.x) / rows, r = int(threadIdx.x) % rows;
  if (f >= v.count || row0 + r >= v.rows) return;
  float total = 0;
#pragma unroll
  for (int warp = 0; warp < threads / 32; ++warp) total += partial[warp][f][r];
  store_scaled(&p.c[f * v.c_few + (row0 + r) * v.c_row], total, p.alpha, p.beta);
}

struct skinny {
  static constexpr rung_info info{
      .step = 13, .name = "skinny", .idea = "stream the large matrix straight to registers"};

  static support supports(const problem<float>& p) {
    if (p.batch != 1) return {"computes one product, not a batch"};
    if (std::min(p.m, p.n) > 4) return {"neither m nor n is 4 or less"};
    return {};
  }

  static std::size_t workspace_bytes(const problem<float>&) { return 0; }

  static cudaError_t launch(const problem<float>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const skinny_view view(p);
    const bool wide = view.wide(p.depth());
    if (view.count == 1) return wide ? start<1, 4>(view, p, stream) : start<1, 1>(view, p, stream);
    return wide ? start<4, 4>(view, p, stream) : start<4, 1>(view, p, stream);
  }

 private:
  template <int Few, int Width>
  static cudaError_t start(const skinny_view& view, const problem<float>& p, cudaStream_t stream) {
    if (view.along()) {
      const dim3 grid(ceil_div<std::int64_t>(view.rows, skinny_tuning::along_rows));
      return warpladder::launch_kernel(
          skinny_along_kernel<Few, Width>,
          {.grid = grid, .block = dim3(skinny_tuning::along_threads), .stream = stream}, view, p);
    }
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    // As many lanes as leave most multiprocessors a block, but whole sectors of eight floats.
    int lanes = skinny_tuning::across_max_lanes;
    while (lanes * Width > 8 &&
           4 * ceil_div<std::int64_t>(view.rows, lanes * Width) < 3 * device.multiprocessors)
      lanes /= 2;
    const dim3 grid(ceil_div<std::int64_t>(view.rows, lanes * Width));
    return warpladder::launch_kernel(
        skinny_across_kernel<Few, Width>,
        {.grid = grid, .block = dim3(skinny_tuning::across_threads), .stream = stream}, view, p,
        lanes);
  }
};

}  // namespace warpladder::gemm
