// SPDX-License-Identifier: Apache-2.0
//
// 01 serial. Before: as much device memory as there is data, which ends at 80 GB.
//
// Idea: chunks. One slot on the device holds a chunk; it is copied in, transformed, copied out, and
// the next one takes its place. One stream, whose order is all the synchronisation there is.
// Time: the sum of the stages still, and every chunk's copies and launch start anew: some 10 us of
// gaps per chunk, predicted 1 ms more than 00 for 64 chunks of 16 MiB. Device memory: one chunk.
// Limited by: one engine working at a time.
#pragma once

#include <warpladder/pipeline/detail/stages.cuh>

namespace warpladder::pipeline {

struct serial {
  static constexpr rung_info info{1, "serial", "chunk by chunk in one stream"};

  static support supports(const problem&) { return {}; }

  static std::size_t workspace_bytes(const problem& p) { return detail::slot_bytes(p, 1); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    detail::enqueuer work(p, stream, workspace);
    for (std::int64_t i = 0; i < detail::chunks(p); ++i) {
      const detail::piece chunk = detail::chunk_at(p, i);
      work.copy_in(chunk, 0, stream);
      work.transform(chunk, 0, stream);
      work.copy_out(chunk, 0, stream);
    }
    return work.join();
  }
};

}  // namespace warpladder::pipeline
