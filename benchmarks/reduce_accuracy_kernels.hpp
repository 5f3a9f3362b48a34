// SPDX-License-Identifier: Apache-2.0
//
// Sums of floats that are more exact than sum<float>, by warpladder::reduce::run with operations
// that are not in the tables.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <warpladder/core/workspace.hpp>

namespace warpladder::bench {

/// With compensated_sum<float>.
cudaError_t sum_compensated(const float* in, std::int64_t n, float* out, cudaStream_t stream,
                            workspace_view workspace);
std::size_t sum_compensated_workspace_bytes(const float* in, std::int64_t n);

/// With a reduction_of() one's own that adds in double.
cudaError_t sum_in_double(const float* in, std::int64_t n, double* out, cudaStream_t stream,
                          workspace_view workspace);
std::size_t sum_in_double_workspace_bytes(const float* in, std::int64_t n);

/// x <- (x + 1) / 2: from [-1, 1) to [0, 1), exact for multiples of 2^-23.
cudaError_t move_to_unit_interval(float* x, std::int64_t n, cudaStream_t stream);

}  // namespace warpladder::bench
