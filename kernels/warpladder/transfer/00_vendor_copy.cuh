// SPDX-License-Identifier: Apache-2.0
//
// 00 vendor_copy. What everybody writes first: pageable memory, one cudaMemcpyAsync, and the
// runtime does what it takes.
//
// Idea: none of ours. A copy engine needs physical addresses that stay, which pageable memory does
// not have. So the runtime copies into page-locked memory of its own, on the calling thread, and
// has the engine fetch it from there.
// Traffic: per byte one crossing of PCIe, and on the host's memory one read by the CPU, one write
// and one read by the engine.
// Limited by: one thread that copies, about 10 GB/s, a fifth of what PCIe 5 x16 moves. The call is
// asynchronous by name alone: on the way to the device it returns when all bytes are staged, from
// the device when all have arrived.
#pragma once

#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct vendor_copy {
  static constexpr rung_info info{0, "vendor_copy", "cudaMemcpyAsync of pageable memory"};

  static support supports(const staged_problem&) { return {}; }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
    if (p.bytes == 0) return cudaSuccess;
    const cudaMemcpyKind kind =
        p.way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    return cudaMemcpyAsync(p.to, p.from, p.bytes, kind, stream);
  }
};

}  // namespace warpladder::transfer
