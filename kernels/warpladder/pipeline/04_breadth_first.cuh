// SPDX-License-Identifier: Apache-2.0
//
// 04 breadth_first. Before: copy in, kernel, copy out of one chunk were enqueued before those of
// the next.
//
// Idea: enqueue by stages. A round takes a chunk per stream: first all copies in, then all kernels,
// then all copies out. The streams order the same things as before; only the order of the calls
// differs. It mattered when a GPU had one queue for all streams' work (Fermi): the queue's head,
// a copy out that waited for its kernel, held up the copies in behind it. With a hardware queue per
// stream, 8 by default and CUDA_DEVICE_MAX_CONNECTIONS to choose, it should make no difference.
// Time: predicted that of 03, within 2 %; with CUDA_DEVICE_MAX_CONNECTIONS=1, which makes one queue
// of them all, 03 falls behind and this one does not.
// Limited by: as 03.
#pragma once

#include <warpladder/pipeline/detail/depth_first.cuh>

namespace warpladder::pipeline {

struct breadth_first {
  static constexpr rung_info info{4, "breadth_first", "rounds: all copies in, kernels, copies out"};

  static support supports(const problem& p) { return detail::needs_lanes(p, 1); }

  static std::size_t workspace_bytes(const problem& p) {
    return detail::slot_bytes(p, detail::lanes_in_use(p, p.lanes.streams.size()));
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    const std::int64_t lanes = detail::lanes_in_use(p, p.lanes.streams.size());
    const std::int64_t chunks = detail::chunks(p);
    detail::enqueuer work(p, stream, workspace);
    work.fork(int(lanes));
    for (std::int64_t first = 0; first < chunks; first += lanes) {
      const std::int64_t in_round = std::min(lanes, chunks - first);
      for (std::int64_t lane = 0; lane < in_round; ++lane)
        work.copy_in(detail::chunk_at(p, first + lane), lane, work.lane(int(lane)));
      for (std::int64_t lane = 0; lane < in_round; ++lane)
        work.transform(detail::chunk_at(p, first + lane), lane, work.lane(int(lane)));
      for (std::int64_t lane = 0; lane < in_round; ++lane)
        work.copy_out(detail::chunk_at(p, first + lane), lane, work.lane(int(lane)));
    }
    return work.join();
  }
};

}  // namespace warpladder::pipeline
