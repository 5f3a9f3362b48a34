// SPDX-License-Identifier: Apache-2.0
//
// 11 kernel_copy. Before: a copy is a command to an engine, which takes some microseconds to begin.
//
// Idea: page-locked memory has an address on the device, so a kernel can copy it with loads and
// stores like any other: here memory/17 tuned_copy, 16 bytes per access, four in flight per thread,
// any alignment.
// Traffic: over PCIe the same bytes in smaller packets: a warp asks for 512 bytes and gets them in
// pieces of 128 or less, each with its header, where an engine asks for 256 and more.
// Limited by: PCIe with more headers, about 10% under the engine from the host and at par to the
// host. A small copy begins with the launch, 2 to 3 us, and is over when the engine would begin.
// But a large one fills all multiprocessors with threads that wait for PCIe.
#pragma once

#include <warpladder/core/rung.hpp>
#include <warpladder/memory/17_tuned_copy.cuh>
#include <warpladder/transfer/detail/device_side.cuh>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct kernel_copy {
  static constexpr rung_info info{11, "kernel_copy", "a kernel reads or writes the host's memory"};

  static support supports(const pinned_problem& p) {
    return memory::tuned_copy::supports(detail::as_device_copy(detail::as_one_row(p)));
  }
  static std::size_t workspace_bytes(const pinned_problem&) { return 0; }

  static cudaError_t launch(const pinned_problem& p, cudaStream_t stream, workspace_view) {
    if (p.bytes == 0) return cudaSuccess;
    rows_problem row = detail::as_one_row(p);
    if (const cudaError_t status = detail::map_host_side(row); status != cudaSuccess) return status;
    return memory::tuned_copy::launch(detail::as_device_copy(row), stream, {});
  }
};

}  // namespace warpladder::transfer
