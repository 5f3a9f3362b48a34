// SPDX-License-Identifier: Apache-2.0
//
// 14 tuned_norm. Before: rows beyond the registers of a block did not fit, and short ones left
// lanes idle.
//
// Idea: teams as in 05 tuned_softmax, from 4 lanes to a block; what is more of a row than the
// registers of 1024 threads hold lies in shared memory, where every thread reads what it wrote.
// Traffic: one read, one write, up to 352 KiB of a row; longer rows, or devices with less shared
// memory: as 12 welford does. Weight and bias are read once per row, out of L1 while both fit into
// what rows leave of it, else out of L2: then they are two bytes for every byte of a row that
// device memory delivers, 3.0 TB/s beside its 1.5.
// Latency: two exchanges and two barriers per row (RMSnorm: one).
// Limited by: device memory; for rows beyond some 8 Ki floats by L2, which has to deliver weight
// and bias as well.
#pragma once

#include <warpladder/core/launch.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/rowwise/12_welford.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/detail/per_column.cuh>
#include <warpladder/rowwise/detail/row_team.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct tuned_norm_tuning {
  static constexpr int packets = 8;        ///< of 16 bytes, that a thread holds in registers
  static constexpr int single = 8;         ///< elements, where they are loaded one by one
  static constexpr int small_block = 128;  ///< threads of a block whose rows are within warps
};

template <class T, int N, class Tuning>
__global__ void __launch_bounds__(detail::row_team::max_lanes)
    tuned_norm_kernel(norm_problem<T> p, detail::row_team team) {
  constexpr int held = N == 1 ? Tuning::single : Tuning::packets;
  using packet = detail::packet<T, N>;
  __shared__ float told[2][detail::row_team::max_warps];
  packet* const stored = dynamic_shared<packet>() + threadIdx.x;

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
  // The sum of g(element) over the row.
  const auto sum_up = [&](float* slots, const auto& g) {
    const auto plus = [](float a, float b) { return a + b; };
    float sum = 0;
    for_each([&](int, const float(&value)[N]) {
#pragma unroll
      for (int j = 0; j < N; ++j) sum += g(value[j]);
    });
    sum = team.over_lanes(sum, plus);
    if (team.is_within_warp()) return sum;
    team.tell(slots, sum);
    const int lane = threadIdx.x % 32;  // there are as many warps at most
    return team.over_warp(lane < team.members() ? slots[lane] : 0, plus);
  };

  float mean = 0;
  if (p.what == norm::layer)
    mean = sum_up(told[0], [](float value) { return value; }) / float(p.cols);
  const float squares =
      sum_up(told[1], [=](float value) { return (value - mean) * (value - mean); });
  const float scale = rsqrtf(squares / float(p.cols) + p.epsilon);
  for_each([&](int at, float(&value)[N]) {
    const detail::per_column<T, N> of_columns(p, at);
#pragma unroll
    for (int j = 0; j < N; ++j) value[j] = (value[j] - mean) * scale;
    of_columns.apply(value);
    detail::store_packet<T, N>(out + at, detail::pack<T, N>(value));
  });
}

struct tuned_norm {
  static constexpr rung_info info{14, "tuned_norm", "any row: lanes or warps share it"};
  using tuning = tuned_norm_tuning;

  template <class T>
  static support supports(const norm_problem<T>& p) {
    const detail::row_team team = team_for(p);
    if (team.stored > 0) {  // or what takes its place where there is too little shared memory
      if (const support can = welford::supports(p); !can) return can;
    }
    return detail::fits_grid(team.grid(p.rows, tuning::small_block));
  }

  template <class T>
  static std::size_t workspace_bytes(const norm_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const norm_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    constexpr int wide = detail::widest<T>;
    const bool whole = detail::has_whole_packets(p);
    const detail::row_team team = team_for(p);
    const std::int64_t shared = team.shared_bytes(whole ? 16 : sizeof(T));
    bool fits = true;
    if (const cudaError_t status = detail::has_shared_memory(shared, fits); status != cudaSuccess)
      return status;
    if (!fits) return welford::launch(p, stream, {});
    const auto kernel =
        whole ? tuned_norm_kernel<T, wide, tuning> : tuned_norm_kernel<T, 1, tuning>;
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
  static detail::row_team team_for(const norm_problem<T>& p) {
    const bool whole = detail::has_whole_packets(p);
    return detail::row_team::for_rows(p.cols, whole ? detail::widest<T> : 1,
                                      whole ? tuning::packets : tuning::single, sizeof(T));
  }
};

}  // namespace warpladder::rowwise
