// SPDX-License-Identifier: Apache-2.0
//
// The compiled ladder of the topic pipeline, for code that is not compiled by nvcc. Internal, not
// installed: a product includes <warpladder/pipeline.hpp> instead.
#pragma once

#include <span>
#include <warpladder/core/rung.hpp>
#include <warpladder/pipeline/problem.hpp>

namespace warpladder::tables {

std::span<const rung_entry<pipeline::problem>> pipeline_rungs();

/// The kernel of all rungs alone, in place on n elements of device memory aligned to 16 bytes.
cudaError_t pipeline_transform(float* data, std::int64_t n, int rounds, cudaStream_t on);

/// The problem with the chunk and the slots that 09 tuned takes.
pipeline::problem pipeline_tuned(const pipeline::problem& problem);

}  // namespace warpladder::tables
