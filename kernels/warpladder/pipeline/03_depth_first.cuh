// SPDX-License-Identifier: Apache-2.0
//
// 03 depth_first. Before: two streams for three engines.
//
// Idea: as many streams as were lent, and all that is done with a chunk before the next chunk
// (depth first). With three streams each engine can have work; a fourth has its copy ready when an
// engine becomes free.
// Time: the longest of the engines, plus one chunk's way through the others. With a light kernel
// the copies bind, and two streams were nearly enough: predicted 25 to 26 ms. With three balanced
// stages the third stream counts: predicted 27 ms after 38. Limited by: an engine takes copies in
// the order in which they become ready, so that a stream that is late holds up none but its own;
// but who waits for whom is chance, not design. Device memory: a slot per stream.
#pragma once

#include <warpladder/pipeline/detail/depth_first.cuh>

namespace warpladder::pipeline {

struct depth_first {
  static constexpr rung_info info{3, "depth_first", "a chunk's stages in one of N streams"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 1); }

  static std::size_t workspace_bytes(const problem& p) {
    return detail::slot_bytes(p, detail::lanes_in_use(p, p.lanes.streams.size()));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    return detail::enqueue_depth_first(p, p.lanes.streams.size(), stream, workspace);
  }
};

}  // namespace warpladder::pipeline
