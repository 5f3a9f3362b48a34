// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladder of tensor core GEMMs, for code that is not compiled by nvcc: tests,
// benchmarks, command line. Internal, not installed: a product includes <warpladder/gemm_tc.cuh>.
#pragma once

#include <span>
#include <string>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm_tc/problem.hpp>
#include <warpladder/gemm_tc/vendor_search.hpp>
#include <warpladder/gemm_tc/verification.hpp>

namespace warpladder::tables {

/// The pairs In -> Out that are compiled:
///   bf16 -> bf16, bf16 -> float, half -> half, float (tf32) -> float, int8 -> int32,
///   e4m3 -> bf16, e4m3 -> float, e5m2 -> bf16
/// The first has the whole ladder, the others its short_ladder; builds for tracing have the first
/// alone.
template <class In, class Out>
std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc();

/// What 16 takes beside the rungs: 10 and 15 with other tiles.
template <class In, class Out>
std::span<const rung_entry<gemm_tc::problem<In, Out>>> gemm_tc_tuned_tiles();

/// warpladder::gemm_tc::run, workspace_bytes and describe_choice behind a link boundary.
template <class In, class Out>
cudaError_t gemm_tc_run(const gemm_tc::problem<In, Out>& problem, cudaStream_t stream,
                        workspace_view scratch);
template <class In, class Out>
std::size_t gemm_tc_workspace_bytes(const gemm_tc::problem<In, Out>& problem);
template <class In, class Out>
std::string gemm_tc_choice(const gemm_tc::problem<In, Out>& problem, workspace_view scratch);

/// gemm_tc::verify.
template <class In, class Out>
cudaError_t gemm_tc_verify(const gemm_tc::problem<In, Out>& problem, const Out* before,
                           gemm_tc::verification* result, cudaStream_t stream,
                           gemm_tc::sums kind = gemm_tc::sums::rounded, int row_step = 1);

#ifndef WARPLADDER_HOST_EXECUTOR
/// gemm_tc::search_vendor and gemm_tc::cublaslt::launch_first.
template <class In, class Out>
gemm_tc::vendor_search gemm_tc_search_vendor(const gemm_tc::problem<In, Out>& problem,
                                             stream_view stream, workspace_view scratch);
template <class In, class Out>
cudaError_t gemm_tc_vendor_first(const gemm_tc::problem<In, Out>& problem, cudaStream_t stream,
                                 workspace_view scratch);
#endif

}  // namespace warpladder::tables
