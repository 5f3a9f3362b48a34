// SPDX-License-Identifier: Apache-2.0
//
// What the results of pipelines must be, by a kernel that is too simple to be wrong: it reads and
// writes pinned host memory element by element.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline/problem.hpp>

namespace warpladder::bench {

/// Elements of p.out that are not, bit by bit, what the definition says. Waits for `stream`.
std::uint64_t count_wrong(const pipeline::problem& p, stream_view stream);

/// Fills p.out with NaNs.
cudaError_t poison_output(const pipeline::problem& p, cudaStream_t stream);

}  // namespace warpladder::bench
