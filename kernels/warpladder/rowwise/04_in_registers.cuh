// SPDX-License-Identifier: Apache-2.0
//
// 04 in_registers. Before: the row was read again to be written.
//
// Idea: the threads of a row hold all of it, 32 elements each, and replace them by exponentials. A
// warp per row as long as 1024 elements suffice, else a block of as many warps as the row needs.
// Every warp sums relative to its own largest element, so that largest and sum travel together: one
// exchange through shared memory, one barrier.
// Traffic: one read, one write, nothing else; in requests of 16 bytes per lane where rows are
// aligned. Exponentials: 1 per element and some per warp.
// In flight: 64 registers per thread, 1024 threads and 32 K elements per multiprocessor, 128 KB of
// floats. A row is loaded, then combined, then stored: while it is combined its threads ask for
// nothing. Per 16 KB of a multiprocessor's 11.4 bytes per ns and direction that is 1.4 us for the
// transfer and about as long for latency and combination, so 2 to 3 rows at a time must be
// resident: 4096 floats have 8, 32768 floats have 1.
// Limited by: rows beyond the registers of a block; and long rows, of which few are resident
// -> 05 tuned_softmax.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct in_registers_tuning {
  static constexpr int elements = 32;    ///< of a row that a thread holds
  static constexpr int single = 16;      ///< the same where they are loaded one by one
  static constexpr int threads = 1024;   ///< at most per row
  static constexpr int block_warps = 4;  ///< of a block in which every warp has a row
};

namespace detail {

__device__ __forceinline__ float warp_maximum(float value) {
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, apart));
  return value;
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
}

}  // namespace detail

/// blockDim.x threads share a row, blockDim.y is 1 unless these are 32; N elements are one access.
template <class T, int N, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) in_registers_kernel(softmax_problem<T> p) {
  constexpr int packets = N == 1 ? Tuning::single : Tuning::elements / N;
  __shared__ float2 of_warp[Tuning::threads / 32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= p.rows) return;  // whole warps, and only where rows have one warp
  const T* const in = p.in + row * p.ld_in;
  T* const out = p.out + row * p.ld_out;
  const int cols = int(p.cols);
  const auto column = [&](int i) { return (i * int(blockDim.x) + int(threadIdx.x)) * N; };

  float none[N], x[packets][N];
#pragma unroll
  for (int j = 0; j < N; ++j) none[j] = -INFINITY;
  detail::packet<T, N> loaded[packets];
#pragma unroll
  for (int i = 0; i < packets; ++i) {
    loaded[i] = detail::pack<T, N>(none);
    if (column(i) < cols) loaded[i] = detail::load_packet<T, N>(in + column(i));
  }

  float largest = detail::below_all, sum = 0;
#pragma unroll
  for (int i = 0; i < packets; ++i) {
    detail::unpack<T, N>(loaded[i], x[i]);
#pragma unroll
    for (int j = 0; j < N; ++j) largest = fmaxf(largest, x[i][j]);
  }
  largest = detail::warp_maximum(largest);
#pragma unroll
  for (int i = 0; i < packets; ++i) {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      x[i][j] = detail::exponential(x[i][j] - largest);
      sum += x[i][j];
    }
  }
  sum = detail::warp_sum(sum);

  float scale = 1 / sum;
  if (warps > 1) {
    if (lane == 0) of_warp[warp] = make_float2(largest, sum);
    __syncthreads();
    const float2 other = lane < warps ? of_warp[lane] : make_float2(detail::below_all, 0);
    const float of_row = detail::warp_maximum(other.x);
    const float total = detail::warp_sum(other.y * detail::exponential(other.x - of_row));
    scale = detail::exponential(largest - of_row) / total;
  }
#pragma unroll
  for (int i = 0; i < packets; ++i) {
#pragma unroll
    for (int j = 0; j < N; ++j) x[i][j] *= scale;
    if (column(i) < cols) detail::store_packet<T, N>(out + column(i), detail::pack<T, N>(x[i]));
  }
}

struct in_registers {
  static constexpr rung_info info{4, "in_registers", "the row stays in registers: one read"};
  using tuning = in_registers_tuning;

  template <class T>
  static support supports(const softmax_problem<T>& p) {
    if (p.cols > held(p) * tuning::threads)
      return {"rows are longer than the registers of a block"};
    return detail::fits_grid(p.rows);
  }

  template <class T>
  static std::size_t workspace_bytes(const softmax_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const softmax_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const std::int64_t threads =
        round_up<std::int64_t>(ceil_div<std::int64_t>(p.cols, held(p)), 32);
    const dim3 block(unsigned(threads), threads == 32 ? tuning::block_warps : 1);
    const dim3 grid(unsigned(ceil_div<std::int64_t>(p.rows, block.y)));
    const auto kernel = detail::has_whole_packets(p)
                            ? in_registers_kernel<T, detail::widest<T>, tuning>
                            : in_registers_kernel<T, 1, tuning>;
    return warpladder::launch_kernel(kernel, {.grid = grid, .block = block, .stream = stream}, p);
  }

 private:
  /// Elements per thread.
  template <class T>
  static int held(const softmax_problem<T>& p) {
    return detail::has_whole_packets(p) ? tuning::elements : tuning::single;
  }
};

}  // namespace warpladder::rowwise
