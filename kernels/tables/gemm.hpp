// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladder, for code that is not compiled by nvcc: tests, benchmarks, command line.
// Internal, not installed: a product includes <warpladder/gemm.cuh> instead.
#pragma once

#include <span>
#include <string>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm/problem.hpp>
#include <warpladder/gemm/verification.hpp>

namespace warpladder::tables {

/// The rungs for element type T (float: all of them; double: those that cost nothing to have).
template <class T>
std::span<const rung_entry<gemm::problem<T>>> gemm();

/// warpladder::gemm::run, gemm::workspace_bytes and gemm::describe_choice behind a link boundary.
template <class T>
cudaError_t gemm_run(const gemm::problem<T>& problem, cudaStream_t stream, workspace_view scratch);
template <class T>
std::size_t gemm_workspace_bytes(const gemm::problem<T>& problem);
template <class T>
std::string gemm_choice(const gemm::problem<T>& problem, workspace_view scratch);

/// gemm::verify; T is float or double.
template <class T>
cudaError_t gemm_verify(const gemm::problem<T>& problem, const T* before,
                        gemm::verification* result, cudaStream_t stream);

}  // namespace warpladder::tables
