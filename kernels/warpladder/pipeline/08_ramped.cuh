// SPDX-License-Identifier: Apache-2.0
//
// 08 ramped. Before: while the first chunk comes in and the last one goes out, two engines have
// nothing to do.
//
// Idea: small chunks first and last. The first is a sixteenth, each one after it as long as all
// before it until chunks are whole; at the end each is half of what is left. The kernel starts
// after a sixteenth of the time, and chunks in the middle can be large, which saves fixed costs.
// Arithmetic: let a chunk c take a(c) in and k(c) to compute. The pipeline needs the longest way
// through the stages: copies up to some chunk, and kernels from it on. Is the kernel the slower
// one, that way turns at the first chunk, and costs a(first) more than all kernels: c / 16 instead
// of c. Are copies in and out equally slow, it turns at the largest chunk, wherever that is: the
// copies out lag a chunk behind those in, whether the lag came at once or by and by. So predicted:
// no gain with a light kernel, and with a heavy one nearly all of the first copy in and the last
// one out: 0.6 ms of 46 with chunks of 16 MiB. Limited by: the busiest engine.
#pragma once

#include <warpladder/pipeline/detail/ring.cuh>

namespace warpladder::pipeline {

struct ramped {
  static constexpr rung_info info{8, "ramped", "small chunks first and last"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 4); }

  static std::size_t workspace_bytes(const problem& p) {
    return p.n == 0 ? 0 : detail::slot_bytes(p, p.slots);
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    const std::int64_t smallest = ceil_div<std::int64_t>(p.chunk, 16);
    const auto next = [&](std::int64_t begin) {
      const std::int64_t left = p.n - begin, half = ceil_div<std::int64_t>(left, 2);
      return std::min(left, std::clamp(std::min(begin, half), smallest, p.chunk));
    };
    return detail::enqueue_ring(p, p.slots, kernels_at_once, next, stream, workspace);
  }
};

}  // namespace warpladder::pipeline
