// SPDX-License-Identifier: Apache-2.0
//
// 07 overlapping. Before: one stream for all kernels. A chunk's kernel started when the last block
// of the one before it had ended; until then the multiprocessors that were done first had nothing
// to do, and after that all of them waited for the launch.
//
// Idea: kernels take turns in two streams. Nothing orders a chunk's kernel with the one before it,
// which works in another slot; so its blocks go to multiprocessors as these become free. Copies
// stay in their streams, and the events say the same as before.
// Arithmetic: with chunks of 16 MiB each of 2112 resident blocks has 3 or 4 rounds of 512 elements
// to do, on average 3.88, so that 3 % of a kernel's time are its tail; with 2 MiB, 1024 blocks on
// 132 multiprocessors, too, and a launch behind an event takes some 3 us more. All of that goes:
// predicted 22.5 + 0.6 ms for a medium kernel, 45 + 0.6 for a high one, where 06 had 23.9 and 46.9;
// and nothing with a light one. So small chunks cost no more kernel time than large ones.
// Why two: the tail of one is filled by the head of the next. More would share the multiprocessors
// among chunks that all end later, and need a slot each. Two need a fifth slot where copies and
// kernel are equally long.
// Limited by: the busiest engine; the first copy in and the last copy out.
#pragma once

#include <warpladder/pipeline/detail/ring.cuh>

namespace warpladder::pipeline {

struct overlapping {
  static constexpr rung_info info{7, "overlapping", "kernels take turns in two streams"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 4); }

  static std::size_t workspace_bytes(const problem& p) {
    return detail::slot_bytes(p, detail::slots_in_use(p, detail::chunks(p)));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    return detail::enqueue_ring(
        p, detail::slots_in_use(p, detail::chunks(p)), kernels_at_once,
        [&](std::int64_t begin) { return std::min(p.chunk, p.n - begin); }, stream, workspace);
  }
};

}  // namespace warpladder::pipeline
