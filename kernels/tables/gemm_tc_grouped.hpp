// SPDX-License-Identifier: Apache-2.0
//
// The compiled kernels of grouped products, for code that is not compiled by nvcc: tests and
// benchmarks. Internal, not installed: a product includes <warpladder/gemm_tc_grouped.cuh>.
#pragma once

#include <span>
#include <string>
#include <warpladder/core/rung.hpp>
#include <warpladder/gemm_tc/epilogue.cuh>
#include <warpladder/gemm_tc/grouped_problem.hpp>

namespace warpladder::tables {

/// The kernels behind run_grouped(). The pairs In -> Out that are compiled:
///   bf16 -> bf16, half -> half, e4m3 -> bf16, int8 -> int32; bf16 -> bf16 with the epilogue below
template <class Problem>
std::span<const rung_entry<Problem>> gemm_tc_grouped();

/// A bias per expert and column, and an activation: what a layer of experts would take.
using grouped_epilogue = gemm_tc::chain<gemm_tc::bias<float>, gemm_tc::silu>;

/// gemm_tc::run_grouped and describe_grouped_choice behind a link boundary.
template <class Problem>
cudaError_t gemm_tc_run_grouped(const Problem& problem, cudaStream_t stream);
template <class Problem>
std::string gemm_tc_grouped_choice(const Problem& problem);

}  // namespace warpladder::tables
