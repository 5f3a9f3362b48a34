// SPDX-License-Identifier: Apache-2.0
//
// What the results of scans must be, by kernels that are too simple to be wrong; and CUB's scan
// with an operation that is not in the tables of the ladder.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <warpladder/core/operations.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/core/workspace.hpp>
#include <warpladder/scan/problem.hpp>

namespace warpladder::bench {

/// Elements of p.out that are not what the definition says.
struct wrong_prefixes {
  unsigned long long count = 0;
  unsigned long long first = ~0ull;  ///< the lowest index of a wrong one
};

/// Combines one element after the other, so sums of floats must be exact in every order: see
/// exact_amplitude(). Waits for `stream`. Exists for <float, sum>, <std::int32_t, sum> and
/// <float, maximum>.
template <class T, class Op>
wrong_prefixes find_wrong(const scan::problem<T, Op>& p, stream_view stream);

/// cub::DeviceScan::InclusiveScan with cuda::maximum, for n below 2^31.
cudaError_t cub_running_maximum(const scan::problem<float, maximum<float>>& p, cudaStream_t stream,
                                workspace_view workspace);
std::size_t cub_running_maximum_workspace_bytes(const scan::problem<float, maximum<float>>& p);

}  // namespace warpladder::bench
