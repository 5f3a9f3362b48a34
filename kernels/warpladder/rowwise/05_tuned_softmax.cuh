// SPDX-License-Identifier: Apache-2.0
//
// 05 tuned_softmax. Before: a row of 32768 floats was a multiprocessor's only one, which asked for
// nothing while it combined; longer rows did not fit, and a row of 64 left half of a warp idle.
//
// Idea: as many threads per row as it has 32s of elements, wherever they are: 4 to 32 lanes of a
// warp, the warps of a block, or, beyond `block_cols`, the blocks of a cluster (compute capability
// 9.0), whose warps write largest and sum into each other's shared memory. Still one exchange and
// one barrier per row, of the block or of the cluster.
// Traffic: one read, one write. 256 KB of a row of 65536 floats do not fit into the registers or
// the shared memory of one multiprocessor; 8 blocks of 256 threads on as many multiprocessors have
// 32 KB each, and 4 such blocks, of 4 rows in different phases, share a multiprocessor. Latency:
// the cluster's barrier, some 0.2 us more than the block's; that all blocks have started is awaited
// while the loads fly. Rows beyond 8 blocks (262144 elements), or beyond one (32768) on older
// devices: as 03 online does. Limited by: device memory.
#pragma once

#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/rowwise/03_online.cuh>
#include <warpladder/rowwise/detail/exponential.cuh>
#include <warpladder/rowwise/detail/grid.hpp>
#include <warpladder/rowwise/detail/packet.cuh>
#include <warpladder/rowwise/detail/row_team.cuh>
#include <warpladder/rowwise/problem.hpp>

namespace warpladder::rowwise {

struct tuned_softmax_tuning {
  static constexpr int elements = 32;      ///< of a row that a thread holds
  static constexpr int single = 16;        ///< the same where they are loaded one by one
  static constexpr int threads = 1024;     ///< at most, of a block
  static constexpr int small_block = 128;  ///< threads of a block whose rows are within warps
  static constexpr int block_cols = 8192;  ///< a longer row has a cluster
};

template <class T, int N, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    tuned_softmax_kernel(softmax_problem<T> p, detail::row_team team) {
  constexpr int packets = N == 1 ? Tuning::single : Tuning::elements / N;
  __shared__ float2 told[detail::row_team::max_warps];
  const auto maximum = [](float a, float b) { return fmaxf(a, b); };
  const auto plus = [](float a, float b) { return a + b; };
  team.arrive();

  const std::int64_t first = team.first_column();
  const bool has_row = team.row() < p.rows;  // all lanes take part in shuffles
  const std::int64_t row = has_row ? team.row() : 0;
  const int cols = has_row ? int(min(p.cols - first, team.share)) : 0;
  const T* const in = p.in + row * p.ld_in + first;
  T* const out = p.out + row * p.ld_out + first;
  const auto column = [&](int i) { return (i * team.lanes + team.lane()) * N; };

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
  largest = team.over_lanes(largest, maximum);
#pragma unroll
  for (int i = 0; i < packets; ++i) {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      x[i][j] = detail::exponential(x[i][j] - largest);
      sum += x[i][j];
    }
  }
  sum = team.over_lanes(sum, plus);

  float scale = 1 / sum;
  team.wait();
  if (!team.is_within_warp()) {
    team.tell(told, make_float2(largest, sum));
    const int lane = threadIdx.x % 32, members = team.members();
    float of_row = detail::below_all, total = 0;
    for (int i = lane; i < members; i += 32) of_row = fmaxf(of_row, told[i].x);
    of_row = team.over_warp(of_row, maximum);
    for (int i = lane; i < members; i += 32)
      total += told[i].y * detail::exponential(told[i].x - of_row);
    scale = detail::exponential(largest - of_row) / team.over_warp(total, plus);
  }
#pragma unroll
  for (int i = 0; i < packets; ++i) {
#pragma unroll
    for (int j = 0; j < N; ++j) x[i][j] *= scale;
    if (column(i) < cols) detail::store_packet<T, N>(out + column(i), detail::pack<T, N>(x[i]));
  }
}

struct tuned_softmax {
  static constexpr rung_info info{5, "tuned_softmax", "any row: lanes, warps or blocks share it"};
  using tuning = tuned_softmax_tuning;

  template <class T>
  static support supports(const softmax_problem<T>& p) {
    if (const support can = online::supports(p); p.cols > tuning::block_cols && !can) return can;
    return detail::fits_grid(team_for<tuning>(p, true).grid(p.rows, tuning::small_block));
  }

  template <class T>
  static std::size_t workspace_bytes(const softmax_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const softmax_problem<T>& p, cudaStream_t stream, workspace_view) {
    return launch_tuned<tuning>(p, stream);
  }

  template <class Tuning, class T>
  static cudaError_t launch_tuned(const softmax_problem<T>& p, cudaStream_t stream) {
    if (p.is_empty()) return cudaSuccess;
    detail::row_team team = team_for<Tuning>(p, true);
    if (team.blocks > 1) {
      device_facts device;
      if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
      team = team_for<Tuning>(p, device.compute_capability >= 90);
    }
    if (team.lanes > Tuning::threads) return online::launch(p, stream, {});
    const auto kernel = detail::has_whole_packets(p)
                            ? tuned_softmax_kernel<T, detail::widest<T>, Tuning>
                            : tuned_softmax_kernel<T, 1, Tuning>;
    const dim3 grid(unsigned(team.grid(p.rows, Tuning::small_block)));
    return warpladder::launch(kernel,
                              {.grid = grid,
                               .block = dim3(team.block(Tuning::small_block)),
                               .stream = stream,
                               .cluster = unsigned(team.blocks)},
                              p, team);
  }

 private:
  template <class Tuning, class T>
  static detail::row_team team_for(const softmax_problem<T>& p, bool with_clusters) {
    const bool whole = detail::has_whole_packets(p);
    return detail::row_team::for_rows(p.cols, whole ? detail::widest<T> : 1,
                                      whole ? Tuning::elements : Tuning::single, sizeof(T),
                                      with_clusters ? Tuning::block_cols : p.cols);
  }
};

}  // namespace warpladder::rowwise
