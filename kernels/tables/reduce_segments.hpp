// SPDX-License-Identifier: Apache-2.0
//
// The front doors of reductions of rows and columns, for code that is not compiled by nvcc.
// Internal, not installed: a product includes <warpladder/reduce.cuh> instead.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/workspace.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::tables {

/// warpladder::reduce::run and workspace_bytes behind a link boundary. T is float, double, __half,
/// __nv_bfloat16, std::int32_t or std::int64_t; Op is sum<T>, minimum<T>, maximum<T>, argmin<T>,
/// argmax<T> or sum_of_squares<T>.
template <class T, class Op>
cudaError_t segmented_run(const reduce::segmented_problem<T, Op>& problem, cudaStream_t stream,
                          workspace_view workspace);
template <class T, class Op>
std::size_t segmented_workspace_bytes(const reduce::segmented_problem<T, Op>& problem);

}  // namespace warpladder::tables
