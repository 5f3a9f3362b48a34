// SPDX-License-Identifier: Apache-2.0
//
// What gemm_tc_*.cu instantiate, each for one type of inputs: one file would take too long.
#pragma once

#include <type_traits>
#include <warpladder/gemm_tc.cuh>
#include <warpladder/gemm_tc/ladder.cuh>
#include <warpladder/gemm_tc/verify.cuh>
#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/gemm_tc/vendor_search.cuh>
#endif

#include "gemm_tc.hpp"

namespace warpladder::tables {

template <class In, class Out>
std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc() {
  using ladder = std::conditional_t<std::is_same_v<Out, __nv_bfloat16> && std::is_same_v<In, Out>,
                                    gemm_tc::ladder, gemm_tc::short_ladder>;
  static constexpr auto table = make_table<gemm_tc::problem<In, Out>>(ladder{});
  return table;
}

template <class In, class Out>
std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc_tuned_tiles() {
  using namespace warpladder::gemm_tc;
  using problem = gemm_tc::problem<In, Out>;
  static constexpr rung_entry<problem> table[] = {
      make_entry<problem, tile_64x64>(),       make_entry<problem, tile_64x128>(),
      make_entry<problem, tile_192x192>(),     make_entry<problem, pingpong_128x96>(),
      make_entry<problem, pingpong_128x160>(), make_entry<problem, pingpong_128x176>(),
      make_entry<problem, pingpong_128x192>(), make_entry<problem, pingpong_160x128>(),
      make_entry<problem, pingpong_176x128>(), make_entry<problem, paired_32x64>(),
      make_entry<problem, paired_64x64>(),     make_entry<problem, paired_96x64>(),
      make_entry<problem, paired_128x64>(),    make_entry<problem, paired_160x64>(),
      make_entry<problem, paired_192x64>()};
  return table;
}

template <class In, class Out>
cudaError_t gemm_tc_run(const gemm_tc::problem<In, Out>& problem, cudaStream_t stream,
                        workspace_view scratch) {
  return gemm_tc::run(problem, stream, scratch);
}

template <class In, class Out>
std::size_t gemm_tc_workspace_bytes(const gemm_tc::problem<In, Out>& problem) {
  return gemm_tc::workspace_bytes(problem);
}

template <class In, class Out>
std::string gemm_tc_choice(const gemm_tc::problem<In, Out>& problem, workspace_view scratch) {
  return gemm_tc::describe_choice(problem, scratch);
}

template <class In, class Out>
cudaError_t gemm_tc_verify(const gemm_tc::problem<In, Out>& problem, const Out* before,
                           gemm_tc::verification* result, cudaStream_t stream, gemm_tc::sums kind,
                           int row_step) {
  return gemm_tc::verify(problem, before, result, stream, kind, row_step);
}

#ifndef WARPLADDER_HOST_EXECUTOR
template <class In, class Out>
gemm_tc::vendor_search gemm_tc_search_vendor(const gemm_tc::problem<In, Out>& problem,
                                             stream_view stream, workspace_view scratch) {
  return gemm_tc::search_vendor(problem, stream, scratch);
}

template <class In, class Out>
cudaError_t gemm_tc_vendor_first(const gemm_tc::problem<In, Out>& problem, cudaStream_t stream,
                                 workspace_view scratch) {
  return gemm_tc::cublaslt::launch_first(problem, stream, scratch);
}
#define WARPLADDER_INSTANTIATE_VENDOR(In, Out)                                              \
  template gemm_tc::vendor_search gemm_tc_search_vendor(const gemm_tc::problem<In, Out>&,   \
                                                        stream_view, workspace_view);       \
  template cudaError_t gemm_tc_vendor_first(const gemm_tc::problem<In, Out>&, cudaStream_t, \
                                            workspace_view);
#else
#define WARPLADDER_INSTANTIATE_VENDOR(In, Out)
#endif

#define WARPLADDER_INSTANTIATE(In, Out)                                                           \
  template std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc<In, Out>();             \
  template std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc_tuned_tiles<In, Out>(); \
  template cudaError_t gemm_tc_run(const gemm_tc::problem<In, Out>&, cudaStream_t,                \
                                   workspace_view);                                               \
  template std::size_t gemm_tc_workspace_bytes(const gemm_tc::problem<In, Out>&);                 \
  template std::string gemm_tc_choice(const gemm_tc::problem<In, Out>&, workspace_view);          \
  template cudaError_t gemm_tc_verify(const gemm_tc::problem<In, Out>&, const Out*,               \
                                      gemm_tc::verification*, cudaStream_t, gemm_tc::sums, int);  \
  WARPLADDER_INSTANTIATE_VENDOR(In, Out)

}  // namespace warpladder::tables
