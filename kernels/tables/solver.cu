// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladders of the topic solver: once per backend.

#include <warpladder/solver.cuh>
#include <warpladder/solver/ladder.cuh>

#include "solver.hpp"

namespace warpladder::tables {

std::span<const rung_entry<solver::jacobi_problem>> jacobi_rungs() {
  static constexpr auto table = make_table<solver::jacobi_problem>(solver::jacobi_ladder{});
  return table;
}

std::span<const rung_entry<solver::cg_problem>> cg_rungs() {
  static constexpr auto table = make_table<solver::cg_problem>(solver::cg_ladder{});
  return table;
}

cudaError_t solver_jacobi(const solver::jacobi_problem& problem, cudaStream_t stream,
                          workspace_view workspace) {
  return solver::jacobi(problem, stream, workspace);
}

cudaError_t solver_conjugate_gradient(const solver::cg_problem& problem, cudaStream_t stream,
                                      workspace_view workspace) {
  return solver::conjugate_gradient(problem, stream, workspace);
}

std::size_t solver_jacobi_workspace_bytes(const solver::jacobi_problem& problem) {
  return solver::workspace_bytes(problem);
}

std::size_t solver_cg_workspace_bytes(const solver::cg_problem& problem) {
  return solver::workspace_bytes(problem);
}

}  // namespace warpladder::tables
