// SPDX-License-Identifier: Apache-2.0
//
// 31 batched_copy. Before: a call per copy, each of which takes the driver's lock, looks its
// pointers up and writes a command.
//
// Idea: one call for all of them, cudaMemcpyBatchAsync (CUDA 12.8). The copies of a batch may run
// in any order, and side by side.
// Traffic: as before.
// Limited by: what the driver still does per copy, and the engine's beginning of each.
//
// Not in the legacy default stream, by the runtime's rule, and not under capture.
#pragma once

#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct batched_copy {
  static constexpr rung_info info{.step = 31,
                                  .name = "batched_copy",
                                  .idea = "cudaMemcpyBatchAsync: one call",
                                  .runs_on_host = false};

  static support supports(const batch_problem&) {
#if CUDART_VERSION >= 12080
    return {};
#else
    return {"the runtime has no batches before CUDA 12.8"};
#endif
  }
  static std::size_t workspace_bytes(const batch_problem&) {
    return 0;
  }

  static cudaError_t launch(const batch_problem& p, cudaStream_t stream, workspace_view) {
    if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
    if (p.count == 0) return cudaSuccess;
#if CUDART_VERSION >= 12080
    cudaMemcpyAttributes all{};
    all.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    std::size_t from_first_on = 0;
#if CUDART_VERSION >= 13000
    return cudaMemcpyBatchAsync(p.to, p.from, p.bytes, p.count, &all, &from_first_on, 1, stream);
#else
    std::size_t failed = 0;
    return cudaMemcpyBatchAsync(const_cast<void**>(p.to), const_cast<void**>(p.from),
                                const_cast<std::size_t*>(p.bytes), p.count, &all, &from_first_on, 1,
                                &failed, stream);
#endif
#else
    return cudaErrorNotSupported;
#endif
  }
};

}  // namespace warpladder::transfer
