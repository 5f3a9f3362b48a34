// SPDX-License-Identifier: Apache-2.0
//
// 30 one_by_one. Many small copies, each from and to a place of its own.
//
// Idea: a loop of cudaMemcpyAsync.
// Traffic: what is to be moved, and a command each.
// Limited by: the commands, about 2 us of the host each: 1000 copies of 4 KiB take 2 ms, and PCIe
// would move their 4 MB in 75 us.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct one_by_one {
  static constexpr rung_info info{30, "one_by_one", "a loop of cudaMemcpyAsync"};

  static support supports(const batch_problem&) { return {}; }
  static std::size_t workspace_bytes(const batch_problem&) { return 0; }

  static cudaError_t launch(const batch_problem& p, cudaStream_t stream, workspace_view) {
    const cudaMemcpyKind kind =
        p.way == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
    for (std::size_t i = 0; i < p.count; ++i) {
      const cudaError_t status = cudaMemcpyAsync(p.to[i], p.from[i], p.bytes[i], kind, stream);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
};

}  // namespace warpladder::transfer
