// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/pipeline/detail/stages.cuh>

namespace warpladder::pipeline::detail {

/// Of `lanes` those that get a chunk at all.
inline std::int64_t lanes_in_use(const problem& p, std::size_t lanes) {
  return std::min(std::int64_t(lanes), chunks(p));
}

/// Chunk i passes all its stages in lane i % lanes, in whose slot it lies.
inline cudaError_t enqueue_depth_first(const problem& p, std::size_t lanes, cudaStream_t stream,
                                       workspace_view workspace) {
  const std::int64_t in_use = lanes_in_use(p, lanes);
  enqueuer work(p, stream, workspace);
  work.fork(int(in_use));
  for (std::int64_t i = 0; i < chunks(p); ++i) {
    const piece chunk = chunk_at(p, i);
    const std::int64_t slot = i % in_use;
    const cudaStream_t lane = work.lane(int(slot));
    work.copy_in(chunk, slot, lane);
    work.transform(chunk, slot, lane);
    work.copy_out(chunk, slot, lane);
  }
  return work.join();
}

}  // namespace warpladder::pipeline::detail
