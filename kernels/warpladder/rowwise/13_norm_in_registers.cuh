// SPDX-License-Identifier: Apache-2.0
//
// 13 norm_in_registers. Before: the row was read again to be written, and its statistics were a
// chain of divisions.
//
// Idea: the threads of a row hold all of it, and then a second pass costs no traffic: first the
// mean, then the squares of what is left, as 11 does, on registers. A warp per row as long as that
// suffices, else a block.
// Traffic: one read, one write, in requests of 16 bytes per lane where rows are aligned; weight and
// bias once per row out of L1 or L2. bfloat16 stays packed, two to a register: taking the halves
// apart is one instruction each, cheaper than bytes in flight.
// In flight: 32 registers of elements per thread, 1024 threads, 128 KB per multiprocessor.
// Latency: two exchanges and two barriers per row (RMSnorm: one), in which its threads ask for
// nothing.
// Limited by: rows beyond the registers of a block, long rows of which few are resident, and, for
// long rows, weight and bias: beyond L1 they double or treble what L2 has to deliver
// -> 14 tuned_norm.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/detail/per_column.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct norm_in_registers_tuning {
  static constexpr int packets = 8;      ///< of 16 bytes, that a thread holds
  static constexpr int single = 16;      ///< elements, where they are loaded one by one
  static constexpr int threads = 1024;   ///< at most per row
  static constexpr int block_warps = 4;  ///< of a block in which every warp has a row
};

/// blockDim.x threads share a row, blockDim.y is 1 unless these are 32; N elements are one access.
template <class T, int N, class Tuning>
__global__ void __launch_bounds__(Tuning::threads) norm_in_registers_kernel(norm_problem<T> p) {
  constexpr int packets = N == 1 ? Tuning::single : Tuning::packets;
  __shared__ float of_warp[2][Tuning::threads / 32];
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= p.rows) return;  // whole warps, and only where rows have one warp
  const T* const in = p.in + row * p.ld_in;
  T* const out = p.out + row * p.ld_out;
  const int cols = int(p.cols);
  const auto column = [&](int i) { return (i * int(blockDim.x) + int(threadIdx.x)) * N; };

  const auto over_warp = [](float value) {
#pragma unroll
    for (int apart = 1; apart < 32; apart *= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
    return value;
  };
  const auto over_row = [&](float value, float* slots) {
    const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
    value = over_warp(value);
    if (warps == 1) return value;
    if (lane == 0) slots[threadIdx.x / 32] = value;
    __syncthreads();
    return over_warp(lane < warps ? slots[lane] : 0);
  };

  detail::packet<T, N> x[packets];
#pragma unroll
  for (int i = 0; i < packets; ++i) {
    x[i] = {};  // zeros
    if (column(i) < cols) x[i] = detail::load_packet<T, N>(in + column(i));
  }

  float mean = 0, value[N];
  if (p.what == norm::layer) {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      detail::unpack<T, N>(x[i], value);
#pragma unroll
      for (int j = 0; j < N; ++j) sum += value[j];
    }
    mean = over_row(sum, of_warp[0]) / float(p.cols);
  }
  float squares = 0;
#pragma unroll
  for (int i = 0; i < packets; ++i) {
    if (column(i) >= cols) continue;
    detail::unpack<T, N>(x[i], value);
#pragma unroll
    for (int j = 0; j < N; ++j) squares += (value[j] - mean) * (value[j] - mean);
  }
  const float scale = rsqrtf(over_row(squares, of_warp[1]) / float(p.cols) + p.epsilon);
#pragma unroll
  for (int i = 0; i < packets; ++i) {
    if (column(i) >= cols) continue;
    const detail::per_column<T, N> at(p, column(i));
    detail::unpack<T, N>(x[i], value);
#pragma unroll
    for (int j = 0; j < N; ++j) value[j] = (value[j] - mean) * scale;
    at.apply(value);
    detail::store_packet<T, N>(out + column(i), detail::pack<T, N>(value));
  }
}

struct norm_in_registers {
  static constexpr rung_info info{13, "norm_in_registers", "two passes on registers: one read"};
  using tuning = norm_in_registers_tuning;

  template <class T>
  static support supports(const norm_problem<T>& p) {
    if (p.cols > held(p) * tuning::threads)
      return {"rows are longer than the registers of a block"};
    return detail::fits_grid(p.rows);
  }

  template <class T>
  static std::size_t workspace_bytes(const norm_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const norm_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    const std::int64_t threads =
        round_up<std::int64_t>(ceil_div<std::int64_t>(p.cols, held(p)), 32);
    const dim3 block(unsigned(threads), threads == 32 ? tuning::block_warps : 1);
    const dim3 grid(unsigned(ceil_div<std::int64_t>(p.rows, block.y)));
    const auto kernel = detail::has_whole_packets(p)
                            ? norm_in_registers_kernel<T, detail::widest<T>, tuning>
                            : norm_in_registers_kernel<T, 1, tuning>;
    return warpladder::launch_kernel(kernel, {.grid = grid, .block = block, .stream = stream}, p);
  }

 private:
  /// Elements per thread.
  template <class T>
  static int held(const norm_problem<T>& p) {
    return detail::has_whole_packets(p) ? tuning::packets * detail::widest<T> : tuning::single;
  }
};

}  // namespace warpladder::rowwise
