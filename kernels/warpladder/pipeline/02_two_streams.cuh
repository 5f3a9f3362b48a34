// SPDX-License-Identifier: Apache-2.0
//
// 02 two_streams. Before: everything in one stream, so that a copy waited for a kernel that it had
// nothing to do with.
//
// Idea: two streams with a slot each, which take turns with the chunks. Within a stream the order
// keeps a slot's three stages apart; between the streams nothing is ordered, and while one copies
// in, the other may compute or copy out.
// Time: each stream repeats copy in, kernel, copy out. Two of them keep two of three engines busy:
// with a light kernel, whose share is next to nothing, both copies overlap, predicted 26 to 28 ms;
// with three stages of equal length one engine is always idle: 3/2 of the longest stage, and less
// than that only as far as copies slow each other down when both run.
// Limited by: the stages of a chunk follow each other in its stream, and there are three.
#pragma once

#include <warpladder/pipeline/detail/depth_first.cuh>

namespace warpladder::pipeline {

struct two_streams {
  static constexpr rung_info info{2, "two_streams", "two streams take turns with the chunks"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 2); }

  static std::size_t workspace_bytes(const problem& p) {
    return detail::slot_bytes(p, detail::lanes_in_use(p, 2));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    return detail::enqueue_depth_first(p, 2, stream, workspace);
  }
};

}  // namespace warpladder::pipeline
