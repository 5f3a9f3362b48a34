// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/gemm_tc_bf16.cu with one rung in the ladder. The command line says which:
// RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER
#include <warpladder/gemm_tc/verify.cuh>

#include "gemm_tc.hpp"

namespace warpladder::tables {
namespace {

using element = __nv_bfloat16;
using problem = gemm_tc::problem<element, element>;

}  // namespace

template <>
std::span<const rung_entry<problem>> gemm_tc<element, element>() {
  static constexpr auto table = make_table<problem>(rung_list<gemm_tc::RUNG>{});
  return table;
}

template <>
cudaError_t gemm_tc_verify(const problem& problem, const element* before,
                           gemm_tc::verification* result, cudaStream_t stream, gemm_tc::sums kind,
                           int row_step) {
  return gemm_tc::verify(problem, before, result, stream, kind, row_step);
}

// The front door chooses among all rungs: it stays outside.
template <>
cudaError_t gemm_tc_run(const problem&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

template <>
std::size_t gemm_tc_workspace_bytes(const problem&) {
  return 0;
}

template <>
std::string gemm_tc_choice(const problem&, workspace_view) {
  return {};
}

}  // namespace warpladder::tables
