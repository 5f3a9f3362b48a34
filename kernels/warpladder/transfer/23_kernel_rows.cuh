// SPDX-License-Identifier: Apache-2.0
//
// 23 kernel_rows. Before: scratch memory and two steps, for dense memory on the host alone.
//
// Idea: the kernel that packs can read and write the host's memory itself (11 kernel_copy). Rows of
// any width and distance on both sides, one step, no scratch.
// Traffic: over PCIe, what the rows hold, in packets of up to 128 bytes. Rows of the host that are
// apart cost a packet each at least: 32 bytes of header and data for a row of 8.
// Limited by: PCIe with more headers than an engine needs.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/memory/17_tuned_copy.cuh>
#include <warpladder/transfer/detail/device_side.cuh>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct kernel_rows {
  static constexpr rung_info info{23, "kernel_rows", "a kernel copies rows over PCIe"};

  static support supports(const rows_problem& p) {
    return memory::tuned_copy::supports(detail::as_device_copy(p));
  }
  static std::size_t workspace_bytes(const rows_problem&) { return 0; }

  static cudaError_t launch(const rows_problem& p, cudaStream_t stream, workspace_view) {
    if (p.bytes() == 0) return cudaSuccess;
    rows_problem mapped = p;
    if (const cudaError_t status = detail::map_host_side(mapped); status != cudaSuccess)
      return status;
    return memory::tuned_copy::launch(detail::as_device_copy(mapped), stream, {});
  }
};

}  // namespace warpladder::transfer
