// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/rowwise.cu with one rung in one of the ladders. The command line says which:
// RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER

#include "rowwise.hpp"

namespace warpladder::tables {
namespace {

/// The rung, if it is one for this problem.
template <class Problem>
std::span<const rung_entry<Problem>> rungs() {
  if constexpr (requires(const Problem& p) { rowwise::RUNG::supports(p); }) {
    static constexpr auto table = make_table<Problem>(rung_list<rowwise::RUNG>{});
    return table;
  }
  return {};
}

}  // namespace

template <>
std::span<const rung_entry<rowwise::softmax_problem<float>>> softmax_rungs<float>() {
  return rungs<rowwise::softmax_problem<float>>();
}

template <>
std::span<const rung_entry<rowwise::norm_problem<float>>> norm_rungs<float>() {
  return rungs<rowwise::norm_problem<float>>();
}

// The front doors run the highest rungs: they stay outside.
template <>
cudaError_t rowwise_softmax(const rowwise::softmax_problem<float>&, cudaStream_t) {
  return cudaErrorNotSupported;
}

template <>
cudaError_t rowwise_normalize(const rowwise::norm_problem<float>&, cudaStream_t) {
  return cudaErrorNotSupported;
}

}  // namespace warpladder::tables
