// SPDX-License-Identifier: Apache-2.0
//
// 00 whole. What everybody writes first: copy all of it in, launch, copy all of it out. No vendor's
// library does this job; every rung is compared with this one.
//
// Written with cudaMemcpyAsync in the caller's stream, so that the host is free; with cudaMemcpy it
// would take as long, and refuse to be captured.
// Time: the sum of the stages. 1 GiB each way over a bus with 55 GB/s in either direction:
// 19.5 + kernel + 19.5 ms, predicted 40 ms with a light kernel, 65 ms with one that takes as long
// as both copies at once. Device memory: all n elements. Limited by: nothing. At any time one of
// the three engines works and two are idle.
#pragma once

#include <warpladder/pipeline/detail/stages.cuh>

namespace warpladder::pipeline {

struct whole {
  static constexpr rung_info info{0, "whole", "copy all in, kernel, copy all out"};

  static support supports(const problem&) { return {}; }

  static std::size_t workspace_bytes(const problem& p) { return std::size_t(p.n) * sizeof(float); }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    detail::enqueuer work(p, stream, workspace);
    const detail::piece all{.index = 0, .begin = 0, .n = p.n};
    work.copy_in(all, 0, stream);
    work.transform(all, 0, stream);
    work.copy_out(all, 0, stream);
    return work.join();
  }
};

}  // namespace warpladder::pipeline
