// SPDX-License-Identifier: Apache-2.0
//
// Grouped products on tensor cores: once per backend.
#include <warpladder/gemm_tc_grouped.cuh>

#include "gemm_tc_grouped.hpp"

namespace warpladder::tables {

template <class Problem>
std::span<const rung_entry<Problem>> gemm_tc_grouped() {
  using methods = rung_list<gemm_tc::grouped_cp_async, gemm_tc::grouped_wgmma>;
  static constexpr auto table = make_table<Problem>(methods{});
  return table;
}

template <class Problem>
cudaError_t gemm_tc_run_grouped(const Problem& problem, cudaStream_t stream) {
  return gemm_tc::run_grouped(problem, stream);
}

template <class Problem>
std::string gemm_tc_grouped_choice(const Problem& problem) {
  return gemm_tc::describe_grouped_choice(problem);
}

namespace {

using bf16 = gemm_tc::grouped_problem<__nv_bfloat16, __nv_bfloat16>;
using bf16_epilogue = gemm_tc::grouped_problem<__nv_bfloat16, __nv_bfloat16, grouped_epilogue>;
using half = gemm_tc::grouped_problem<__half, __half>;
using e4m3 = gemm_tc::grouped_problem<__nv_fp8_e4m3, __nv_bfloat16>;
using int8 = gemm_tc::grouped_problem<std::int8_t, std::int32_t>;

}  // namespace

#define WARPLADDER_INSTANTIATE(Problem)                                           \
  template std::span<const rung_entry<Problem>> gemm_tc_grouped<Problem>();       \
  template cudaError_t gemm_tc_run_grouped(const Problem& problem, cudaStream_t); \
  template std::string gemm_tc_grouped_choice(const Problem& problem);

WARPLADDER_INSTANTIATE(bf16)
#ifndef SIMT_TRACED  // nothing is traced here
WARPLADDER_INSTANTIATE(bf16_epilogue)
WARPLADDER_INSTANTIATE(half)
WARPLADDER_INSTANTIATE(e4m3)
WARPLADDER_INSTANTIATE(int8)
#endif

}  // namespace warpladder::tables
