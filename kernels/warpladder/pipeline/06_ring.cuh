// SPDX-License-Identifier: Apache-2.0
//
// 06 ring. Before: a place on the device for every chunk.
//
// Idea: S slots in a ring. Chunk i lies in slot i % S, and its copy in waits for the event that
// chunk i - S was copied out: one more event per chunk, and device memory that does not depend on
// n. How many slots: one is copied into, one is computed on, one is copied out of, which makes
// three busy engines; with three, a copy in starts at the moment at which a copy out ends, some
// microseconds after it. The fourth takes these from the way.
// Time: that of 05, predicted within 1 % with four slots. With one slot it is 01, with two the
// engines take turns as in 02.
// Limited by: the busiest engine; by the first chunk's way in and the last one's way out, 2 x 0.3
// ms with chunks of 16 MiB; where the kernel binds, by the end of each chunk's kernel, when
// multiprocessors run out of work; and with small chunks by what each costs whoever enqueues it.
#pragma once

#include <warpladder/pipeline/detail/ring.cuh>

namespace warpladder::pipeline {

struct ring {
  static constexpr rung_info info{6, "ring", "slots are filled again: memory does not grow"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 3); }

  static std::size_t workspace_bytes(const problem& p) {
    return detail::slot_bytes(p, detail::slots_in_use(p, detail::chunks(p)));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    return detail::enqueue_ring(
        p, detail::slots_in_use(p, detail::chunks(p)), 1,
        [&](std::int64_t begin) { return std::min(p.chunk, p.n - begin); }, stream, workspace);
  }
};

}  // namespace warpladder::pipeline
