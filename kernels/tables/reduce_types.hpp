// SPDX-License-Identifier: Apache-2.0
//
// The front doors of the topic reductions, and what CUB has for the same, for code that is not
// compiled by nvcc. Internal, not installed: a product includes <warpladder/reduce.cuh> instead.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::tables {

/// warpladder::reduce::run behind a link boundary. T is float, double, __half, __nv_bfloat16,
/// std::int32_t or std::int64_t; Op is sum<T>, minimum<T>, maximum<T>, argmin<T>, argmax<T>,
/// sum_of_squares<T> or dot<T>.
template <class T, class Op>
cudaError_t reduce_run(const reduce::problem<T, Op>& problem, cudaStream_t stream,
                       workspace_view workspace);
template <class T, class Op>
std::size_t reduce_workspace_bytes(const reduce::problem<T, Op>& problem);

/// The strongest form that CUB has for the same T and Op, on the GPU alone; see reduce_cub.cu.
/// n must be below 2^31, else cudaErrorNotSupported. NaN may come out otherwise.
template <class T, class Op>
cudaError_t reduce_cub(const reduce::problem<T, Op>& problem, cudaStream_t stream,
                       workspace_view workspace);
template <class T, class Op>
std::size_t reduce_cub_workspace_bytes(const reduce::problem<T, Op>& problem);

/// As "3.0.1".
std::string cub_version();

}  // namespace warpladder::tables
