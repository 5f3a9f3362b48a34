// SPDX-License-Identifier: Apache-2.0
//
// 05 events. Before: streams stood for chunks, and an engine was given what became ready by chance.
//
// Idea: streams stand for engines: one copies in, one computes, one copies out, all chunks in
// order. Events order the two things that depend on each other: a chunk's kernel waits for its copy
// in, its copy out for its kernel. Nobody waits for more than it needs, and the number of streams
// does not depend on that of chunks. Every chunk has its own place on the device, so there is
// nothing else to wait for. Device memory: all n elements, as in 00. Time: the longest engine plus
// one chunk's way through the others, as in 03; predicted the same within 1 %, from 16 MiB
// chunks: 25.7 + 0.4 ms for a light kernel. Limited by: the busiest engine, and by device memory
// for everything.
#pragma once

#include <warpladder/pipeline/detail/stages.cuh>

namespace warpladder::pipeline {

struct events {
  static constexpr rung_info info{5, "events", "a stream per engine, events between them"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 3); }

  static std::size_t workspace_bytes(const problem& p) {
    return p.n == 0 ? 0 : detail::slot_bytes(p, detail::chunks(p));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    detail::enqueuer work(p, stream, workspace);
    work.fork(3);
    const cudaStream_t in = work.lane(0), compute = work.lane(1), out = work.lane(2);
    for (std::int64_t i = 0; i < detail::chunks(p); ++i) {
      const detail::piece chunk = detail::chunk_at(p, i);
      work.copy_in(chunk, i, in);
      work.hand_over(in, compute);
      work.transform(chunk, i, compute);
      work.hand_over(compute, out);
      work.copy_out(chunk, i, out);
    }
    return work.join();
  }
};

}  // namespace warpladder::pipeline
