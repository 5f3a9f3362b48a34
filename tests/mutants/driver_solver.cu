// SPDX-License-Identifier: Apache-2.0
//
// kernels/tables/solver.cu with one rung in its ladder, and the other ladder empty. The command
// line says which: RUNG_HEADER and RUNG (scripts/mutants).

#include RUNG_HEADER

#include "solver.hpp"

namespace warpladder::tables {

/// The table of the rung, if it is for such problems.
template <class Problem, class Rung>
std::span<const rung_entry<Problem>> table_of() {
  if constexpr (requires(const Problem& p) { Rung::supports(p); }) {
    static constexpr auto table = make_table<Problem>(rung_list<Rung>{});
    return table;
  } else {
    return {};
  }
}

std::span<const rung_entry<solver::jacobi_problem>> jacobi_rungs() {
  return table_of<solver::jacobi_problem, solver::RUNG>();
}

std::span<const rung_entry<solver::cg_problem>> cg_rungs() {
  return table_of<solver::cg_problem, solver::RUNG>();
}

// The front doors run the highest rungs: they stay outside.
cudaError_t solver_jacobi(const solver::jacobi_problem&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

cudaError_t solver_conjugate_gradient(const solver::cg_problem&, cudaStream_t, workspace_view) {
  return cudaErrorNotSupported;
}

std::size_t solver_jacobi_workspace_bytes(const solver::jacobi_problem&) {
  return 0;
}

std::size_t solver_cg_workspace_bytes(const solver::cg_problem&) {
  return 0;
}

}  // namespace warpladder::tables
