// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the GEMM ladder: once per backend.

#include <warpladder/gemm.cuh>
#include <warpladder/gemm/ladder.cuh>
#include <warpladder/gemm/verify.cuh>

#include "gemm.hpp"

namespace warpladder::tables {

template <>
std::span<const rung_entry<gemm::problem<float>>> gemm<float>() {
  static constexpr auto table = make_table<gemm::problem<float>>(gemm::ladder{});
  return table;
}

#ifndef SIMT_TRACED  // explain and check run floats alone
template <>
std::span<const rung_entry<gemm::problem<double>>> gemm<double>() {
  static constexpr auto table = make_table<gemm::problem<double>>(gemm::double_ladder{});
  return table;
}
#endif

template <class T>
cudaError_t gemm_run(const gemm::problem<T>& problem, cudaStream_t stream, workspace_view scratch) {
  return gemm::run(problem, stream, scratch);
}

template <class T>
std::size_t gemm_workspace_bytes(const gemm::problem<T>& problem) {
  return gemm::workspace_bytes(problem);
}

template <class T>
std::string gemm_choice(const gemm::problem<T>& problem, workspace_view scratch) {
  return gemm::describe_choice(problem, scratch);
}

template <class T>
cudaError_t gemm_verify(const gemm::problem<T>& problem, const T* before,
                        gemm::verification* result, cudaStream_t stream) {
  return gemm::verify(problem, before, result, stream);
}

#define WARPLADDER_INSTANTIATE(T)                                                          \
  template cudaError_t gemm_run(const gemm::problem<T>&, cudaStream_t, workspace_view);    \
  template std::size_t gemm_workspace_bytes(const gemm::problem<T>&);                      \
  template std::string gemm_choice(const gemm::problem<T>&, workspace_view);               \
  template cudaError_t gemm_verify(const gemm::problem<T>&, const T*, gemm::verification*, \
                                   cudaStream_t);
WARPLADDER_INSTANTIATE(float)
#ifndef SIMT_TRACED
WARPLADDER_INSTANTIATE(double)
#endif
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::tables
