// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/memory.cu with one rung in one of the ladders. The command line says which:
// RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER

#include "memory.hpp"

namespace warpladder::tables {
namespace {

/// The rung, if it is one for this problem.
template <class Problem>
std::span<const rung_entry<Problem>> rungs() {
  if constexpr (requires(const Problem& p) { memory::RUNG::supports(p); }) {
    static constexpr auto table = make_table<Problem>(rung_list<memory::RUNG>{});
    return table;
  }
  return {};
}

}  // namespace

std::span<const rung_entry<memory::transpose_problem<float>>> transpose_rungs() {
  return rungs<memory::transpose_problem<float>>();
}

std::span<const rung_entry<memory::copy_problem<float>>> copy_rungs() {
  return rungs<memory::copy_problem<float>>();
}

std::span<const rung_entry<memory::layout_problem>> layout_rungs() {
  return rungs<memory::layout_problem>();
}

std::span<const rung_entry<memory::lookup_problem<float>>> lookup_rungs() {
  return rungs<memory::lookup_problem<float>>();
}

// The front doors choose among all rungs: they stay outside.
template <>
cudaError_t memory_transpose(const memory::transpose_problem<float>&, cudaStream_t) {
  return cudaErrorNotSupported;
}

template <>
cudaError_t memory_copy_2d(const memory::copy_problem<float>&, cudaStream_t) {
  return cudaErrorNotSupported;
}

}  // namespace warpladder::tables
