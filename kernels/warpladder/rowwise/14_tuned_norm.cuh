// SPDX-License-Identifier: Apache-2.0
//
// 14 tuned_norm. Before: a row of 32768 floats was a multiprocessor's only one, longer rows did not
// fit, and weight and bias were read once per row: of long rows 3 bytes out of L2 for every byte
// that device memory delivers.
//
// Idea: teams as in 05 tuned_softmax, from 4 lanes to a cluster of 8 blocks; and from `pair_cols`
// on a team holds two rows, half as many elements of each per thread, so that one reading of weight
// and bias serves both. Traffic: one read, one write. Layernorm with weight and bias of 65536
// floats asks L2 for 2 bytes per byte of a row instead of 3: at 1.5 TB/s, 3.0 TB/s instead of 4.5.
// Rows of 4096 floats have 32 KB of weight and bias: they stay in L1. Latency: two exchanges, also
// for two rows at a time (RMSnorm: one). Rows beyond the registers of a cluster, or of a block on
// older devices: as 12 welford does. Limited by: device memory.
#pragma once

#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/12_welford.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/detail/per_column.cuh>
#include <warpladder/rowwise/detail/row_team.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct tuned_norm_tuning {
  static constexpr int packets = 8;          ///< of 16 bytes, that a thread holds of all its rows
  static constexpr int single = 16;          ///< elements, where they are loaded one by one
  static constexpr int threads = 1024;       ///< at most, of a block
  static constexpr int small_block = 128;    ///< threads of a block whose rows are within warps
  static constexpr int block_bytes = 32768;  ///< what is more of a row, or of two, has a cluster
  static constexpr int pair_bytes =
      65536;  ///< rows from here on share weight and bias with another
};

namespace detail {

template <int Rows>
struct row_sums {
  float of[Rows];
};

/// The sums over the row of what the threads of `team` bring, for each of their rows.
template <int Rows>
__device__ __forceinline__ void sum_over_rows(const row_team& team, row_sums<Rows>* told,
                                              row_sums<Rows>& sums) {
  const auto plus = [](float a, float b) { return a + b; };
#pragma unroll
  for (float& sum : sums.of) sum = team.over_lanes(sum, plus);
  if (team.is_within_warp()) return;
  team.tell(told, sums);
#pragma unroll
  for (int r = 0; r < Rows; ++r) {
    sums.of[r] = 0;
    for (int i = threadIdx.x % 32; i < team.members(); i += 32) sums.of[r] += told[i].of[r];
    sums.of[r] = team.over_warp(sums.of[r], plus);
  }
}

}  // namespace detail

template <class T, int N, int Rows, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    tuned_norm_kernel(norm_problem<T> p, detail::row_team team) {
  constexpr int packets = (N == 1 ? Tuning::single : Tuning::packets) / Rows;
  __shared__ detail::row_sums<Rows> told[2][detail::row_team::max_warps];
  team.arrive();

  const std::int64_t first = team.first_column();
  const bool has_row = team.row() * Rows < p.rows;  // all lanes take part in shuffles
  const std::int64_t row = has_row ? team.row() * Rows : 0;
  const int rows = has_row ? int(min(p.rows - row, std::int64_t{Rows})) : 0;
  const int cols = int(min(p.cols - first, team.share));
  const T* const in = p.in + row * p.ld_in + first;
  T* const out = p.out + row * p.ld_out + first;
  const auto column = [&](int i) { return (i * team.lanes + team.lane()) * N; };
  const auto is_mine = [&](int r, int i) { return r < rows && column(i) < cols; };

  detail::packet<T, N> x[Rows][packets];
#pragma unroll
  for (int r = 0; r < Rows; ++r) {
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      x[r][i] = {};  // zeros
      if (is_mine(r, i)) x[r][i] = detail::load_packet<T, N>(in + r * p.ld_in + column(i));
    }
  }
  team.wait();

  // The sums of f(r, element) over the rows.
  const auto sum_up = [&](detail::row_sums<Rows>* slots, const auto& f) {
    detail::row_sums<Rows> sums;
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      sums.of[r] = 0;
#pragma unroll
      for (int i = 0; i < packets; ++i) {
        if (!is_mine(r, i)) continue;
        float value[N];
        detail::unpack<T, N>(x[r][i], value);
#pragma unroll
        for (int j = 0; j < N; ++j) sums.of[r] += f(r, value[j]);
      }
    }
    detail::sum_over_rows(team, slots, sums);
    return sums;
  };

  detail::row_sums<Rows> mean{};
  if (p.what == norm::layer) {
    mean = sum_up(told[0], [](int, float value) { return value; });
#pragma unroll
    for (float& of_row : mean.of) of_row /= float(p.cols);
  }
  detail::row_sums<Rows> scale = sum_up(
      told[1], [&](int r, float value) { return (value - mean.of[r]) * (value - mean.of[r]); });
#pragma unroll
  for (float& of_row : scale.of) of_row = rsqrtf(of_row / float(p.cols) + p.epsilon);

#pragma unroll
  for (int i = 0; i < packets; ++i) {
    if (column(i) >= cols) continue;
    const detail::per_column<T, N> at(p, first + column(i));
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      if (r >= rows) continue;
      float value[N];
      detail::unpack<T, N>(x[r][i], value);
#pragma unroll
      for (int j = 0; j < N; ++j) value[j] = (value[j] - mean.of[r]) * scale.of[r];
      at.apply(value);
      detail::store_packet<T, N>(out + r * p.ld_out + column(i), detail::pack<T, N>(value));
    }
  }
}

struct tuned_norm {
  static constexpr rung_info info{14, "tuned_norm", "any row; long rows share weight and bias"};
  using tuning = tuned_norm_tuning;

  template <class T>
  static support supports(const norm_problem<T>& p) {
    if (const support can = welford::supports(p); p.cols > tuning::single && !can) return can;
    return detail::fits_grid(plan_for<tuning>(p, true).grid(p));
  }

  template <class T>
  static std::size_t workspace_bytes(const norm_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const norm_problem<T>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned<tuning>(p, stream);
  }

  template <class Tuning, class T>
  static cudaError_t launch_tuned(const norm_problem<T>& p, cudaStream_t stream) {
    if (p.is_empty()) return cudaSuccess;
    constexpr int wide = detail::widest<T>;
    plan<Tuning> how = plan_for<Tuning>(p, true);
    if (how.team.blocks > 1) {
      device_facts device;
      if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
      how = plan_for<Tuning>(p, device.compute_capability >= 90);
    }
    if (how.team.lanes > Tuning::threads) return welford::launch(p, stream, {});
    const auto kernel = how.n == 1      ? tuned_norm_kernel<T, 1, 1, Tuning>
                        : how.rows == 1 ? tuned_norm_kernel<T, wide, 1, Tuning>
                                        : tuned_norm_kernel<T, wide, 2, Tuning>;
    return warpladder::launch(kernel,
                              {.grid = dim3(unsigned(how.grid(p))),
                               .block = dim3(how.team.block(Tuning::small_block)),
                               .stream = stream,
                               .cluster = unsigned(how.team.blocks)},
                              p, how.team);
  }

 private:
  template <class Tuning>
  struct plan {
    int n, rows = 1;  ///< elements of an access, rows of a team
    detail::row_team team = {};

    template <class T>
    std::int64_t grid(const norm_problem<T>& p) const {
      return team.grid(ceil_div<std::int64_t>(p.rows, rows), Tuning::small_block);
    }
  };

  template <class Tuning, class T>
  static plan<Tuning> plan_for(const norm_problem<T>& p, bool with_clusters) {
    plan<Tuning> made{.n = detail::has_whole_packets(p) ? detail::widest<T> : 1};
    const auto use = [&](int rows) {
      constexpr std::int64_t block_cols = Tuning::block_bytes / sizeof(T);
      const int packets = made.n == 1 ? Tuning::single : Tuning::packets;
      made.rows = rows;
      made.team = detail::row_team::for_rows(p.cols, made.n, made.n * packets / rows, sizeof(T),
                                             with_clusters ? block_cols / rows : p.cols);
      return made.team.lanes <= Tuning::threads;
    };
    const bool has_columns = p.weight != nullptr || p.bias != nullptr;
    const bool is_long = p.cols * std::int64_t{sizeof(T)} >= Tuning::pair_bytes;
    if (made.n == 1 || !has_columns || !is_long || !use(2)) use(1);
    return made;
  }
};

}  // namespace warpladder::rowwise
