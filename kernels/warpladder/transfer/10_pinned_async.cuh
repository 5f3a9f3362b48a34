// SPDX-License-Identifier: Apache-2.0
//
// 10 pinned_async. The vendor's copy again, with memory that stays where it is.
//
// Idea: page-locked memory (cudaMallocHost, cudaHostRegister). The copy engine reads and writes it
// itself: no staging, no thread of the host, and the call returns at once.
// Traffic: one crossing of PCIe and one access to the host's memory per byte.
// Limited by: PCIe. Generation 5 with 16 lanes signals 63 GB/s, of which packet headers leave 55 to
// 57. A copy of less than 0.5 MiB does not fill the pipe: 8 us from submission to the end are 440
// KB of it.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct pinned_async {
  static constexpr rung_info info{10, "pinned_async", "cudaMemcpyAsync of page-locked memory"};

  static support supports(const pinned_problem&) { return {}; }
  static std::size_t workspace_bytes(const pinned_problem&) { return 0; }

  static cudaError_t launch(const pinned_problem& p, cudaStream_t stream, workspace_view) {
    if (p.bytes == 0) return cudaSuccess;
    const cudaMemcpyKind kind =
        p.way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    return cudaMemcpyAsync(p.to, p.from, p.bytes, kind, stream);
  }
};

}  // namespace warpladder::transfer
