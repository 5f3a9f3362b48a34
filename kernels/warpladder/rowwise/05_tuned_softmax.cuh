// SPDX-License-Identifier: Apache-2.0
//
// 05 tuned_softmax. Before: threads held a row as floats, so that bfloat16 took twice the registers
// it has bytes; rows beyond 32768 elements did not fit; a row of 64 left half of a warp idle.
//
// Idea: a row is held as it is in memory, and its exponentials are computed twice, once to be added
// up and once to be written: they cost less than registers. As many threads per row as hold it with
// 8 accesses of 16 bytes each, from 4 lanes of a warp to 1024; what is more of a row lies in shared
// memory, where every thread reads what it wrote itself.
// Traffic: one read, one write. 128 KiB of a row in registers and up to 224 KiB in shared memory:
// 90112 floats, 180224 bfloat16. Longer rows, or devices with less: as 03 online does.
// Exponentials: 2 per element; at 5.7 bytes per clock and multiprocessor 2.9 or 5.7 of 16 per
// clock. One exchange and one barrier per row. Limited by: device memory.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/rowwise/03_online.cuh>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/detail/row_team.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct tuned_softmax_tuning {
  static constexpr int packets = 8;        ///< of 16 bytes, that a thread holds in registers
  static constexpr int single = 8;         ///< elements, where they are loaded one by one
  static constexpr int small_block = 128;  ///< threads of a block whose rows are within warps
};

template <class T, int N, class Tuning>
__global__ void __launch_bounds__(detail::row_team::max_lanes)
    tuned_softmax_kernel(softmax_problem<T> p, detail::row_team team) {
  constexpr int held = N == 1 ? Tuning::single : Tuning::packets;
  using packet = detail::packet<T, N>;
  __shared__ float2 told[detail::row_team::max_warps];
  packet* const stored = dynamic_shared<packet>() + threadIdx.x;
  const auto maximum = [](float a, float b) { return fmaxf(a, b); };
  const auto plus = [](float a, float b) { return a + b; };

  const bool has_row = team.row() < p.rows;  // all lanes take part in shuffles
  const std::int64_t row = has_row ? team.row() : 0;
  const int cols = has_row ? int(p.cols) : 0;
  const T* const in = p.in + row * p.ld_in;
  T* const out = p.out + row * p.ld_out;
  const auto column = [&](int i) { return (i * team.lanes + team.lane()) * N; };

  packet x[held];
#pragma unroll
  for (int i = 0; i < held; ++i) {
    if (column(i) < cols) x[i] = detail::load_packet<T, N>(in + column(i));
  }
#pragma unroll 4
  for (int i = 0; i < team.stored; ++i) {
    if (column(held + i) < cols)
      stored[i * team.lanes] = detail::load_packet<T, N>(in + column(held + i));
  }
  // f(the column of a packet, its elements), for all that this thread has.
  const auto for_each = [&](const auto& f) {
    float value[N];
#pragma unroll
    for (int i = 0; i < held; ++i) {
      if (column(i) >= cols) continue;
      detail::unpack<T, N>(x[i], value);
      f(column(i), value);
    }
    for (int i = 0; i < team.stored; ++i) {
      if (column(held + i) >= cols) continue;
      detail::unpack<T, N>(stored[i * team.lanes], value);
      f(column(held + i), value);
    }
  };

  float largest = detail::below_all, sum = 0;
  for_each([&](int, const float(&value)[N]) {
#pragma unroll
    for (int j = 0; j < N; ++j) largest = fmaxf(largest, value[j]);
  });
  largest = team.over_lanes(largest, maximum);
  for_each([&](int, const float(&value)[N]) {
#pragma unroll
    for (int j = 0; j < N; ++j) sum += detail::exponential(value[j] - largest);
  });
  sum = team.over_lanes(sum, plus);

  if (!team.is_within_warp()) {
    team.tell(told, make_float2(largest, sum));
    const int lane = threadIdx.x % 32;  // there are as many warps at most
    const float2 of_warp = lane < team.members() ? told[lane] : make_float2(detail::below_all, 0);
    largest = team.over_warp(of_warp.x, maximum);
    sum = team.over_warp(of_warp.y * detail::exponential(of_warp.x - largest), plus);
  }
  const float scale = 1 / sum;
  for_each([&](int at, float(&value)[N]) {
#pragma unroll
    for (int j = 0; j < N; ++j) value[j] = detail::exponential(value[j] - largest) * scale;
    detail::store_packet<T, N>(out + at, detail::pack<T, N>(value));
  });
}

struct tuned_softmax {
  static constexpr rung_info info{5, "tuned_softmax", "any row, held as it is in memory"};
  using tuning = tuned_softmax_tuning;

  template <class T>
  static support supports(const softmax_problem<T>& p) {
    const detail::row_team team = team_for(p);
    if (team.stored > 0) {  // or what takes its place where there is too little shared memory
      if (const support can = online::supports(p); !can) return can;
    }
    return detail::fits_grid(team.grid(p.rows, tuning::small_block));
  }

  template <class T>
  static std::size_t workspace_bytes(const softmax_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const softmax_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    constexpr int wide = detail::widest<T>;
    const bool whole = detail::has_whole_packets(p);
    const detail::row_team team = team_for(p);
    const std::int64_t shared = team.shared_bytes(whole ? 16 : sizeof(T));
    bool fits = true;
    if (const cudaError_t status = detail::has_shared_memory(shared, fits); status != cudaSuccess)
      return status;
    if (!fits) return online::launch(p, stream, {});
    const auto kernel =
        whole ? tuned_softmax_kernel<T, wide, tuning> : tuned_softmax_kernel<T, 1, tuning>;
    return warpladder::launch_kernel(
        kernel,
        {.grid = dim3(unsigned(team.grid(p.rows, tuning::small_block))),
         .block = dim3(team.block(tuning::small_block)),
         .shared_bytes = std::size_t(shared),
         .stream = stream},
        p, team);
  }

 private:
  template <class T>
  static detail::row_team team_for(const softmax_problem<T>& p) {
    const bool whole = detail::has_whole_packets(p);
    return detail::row_team::for_rows(p.cols, whole ? detail::widest<T> : 1,
                                      whole ? tuning::packets : tuning::single, sizeof(T));
  }
};

}  // namespace warpladder::rowwise
