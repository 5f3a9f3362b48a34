// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/gemm.cu with one rung in the ladder, which compiles in seconds. The command line
// says which: RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER
#include <warpladder/gemm/verify.cuh>

#include "gemm.hpp"

namespace warpladder::tables {

template <>
std::span<const rung_entry<gemm::problem<float>>> gemm<float>() {
  static constexpr auto table = make_table<gemm::problem<float>>(rung_list<gemm::RUNG>{});
  return table;
}

template <>
cudaError_t gemm_verify(const gemm::problem<float>& problem, const float* before,
                        gemm::verification* result, cudaStream_t stream) {
  return gemm::verify(problem, before, result, stream);
}

// The front door chooses among all rungs: it stays outside.
template <>
cudaError_t gemm_run(const gemm::problem<float>&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

template <>
std::size_t gemm_workspace_bytes(const gemm::problem<float>&) {
  return 0;
}

template <>
std::string gemm_choice(const gemm::problem<float>&, workspace_view) {
  return {};
}

}  // namespace warpladder::tables
