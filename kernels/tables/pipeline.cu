// SPDX-License-Identifier: Apache-2.0
//
// The one translation unit that instantiates the ladder of the topic pipeline: once per backend.

#include <warpladder/pipeline/ladder.cuh>

#include "pipeline.hpp"

namespace warpladder::tables {

std::span<const rung_entry<pipeline::problem>> pipeline_rungs() {
  static constexpr auto table = make_table<pipeline::problem>(pipeline::ladder{});
  return table;
}

cudaError_t pipeline_transform(float* data, std::int64_t n, int rounds, cudaStream_t on) {
  return pipeline::detail::launch_transform(data, n, rounds, on);
}

pipeline::problem pipeline_tuned(const pipeline::problem& problem) {
  return pipeline::tuned::with_advice(problem);
}

}  // namespace warpladder::tables
