// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladders of the topic solver, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/solver.cuh> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/solver/problem.hpp>

namespace warpladder::tables {

std::span<const rung_entry<solver::jacobi_problem>> jacobi_rungs();
std::span<const rung_entry<solver::cg_problem>> cg_rungs();

/// warpladder::solver::jacobi and conjugate_gradient behind a link boundary.
cudaError_t solver_jacobi(const solver::jacobi_problem& problem, cudaStream_t stream,
                          workspace_view workspace);
cudaError_t solver_conjugate_gradient(const solver::cg_problem& problem, cudaStream_t stream,
                                      workspace_view workspace);
std::size_t solver_jacobi_workspace_bytes(const solver::jacobi_problem& problem);
std::size_t solver_cg_workspace_bytes(const solver::cg_problem& problem);

}  // namespace warpladder::tables
