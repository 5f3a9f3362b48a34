// SPDX-License-Identifier: Apache-2.0
//
// Copies between host and device memory as problems for kernels that copy within the device.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <warpladder/memory/problem.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer::detail {

using device_copy = memory::copy_problem<unsigned char>;

inline device_copy as_device_copy(const rows_problem& p) {
  return {.rows = std::int64_t(p.rows),
          .cols = std::int64_t(p.width),
          .in = static_cast<const unsigned char*>(p.from),
          .ld_in = std::int64_t(p.from_pitch),
          .out = static_cast<unsigned char*>(p.to),
          .ld_out = std::int64_t(p.to_pitch)};
}

inline rows_problem as_one_row(const pinned_problem& p) {
  return {.to = p.to,
          .from = p.from,
          .rows = 1,
          .width = p.bytes,
          .to_pitch = p.bytes,
          .from_pitch = p.bytes,
          .way = p.way};
}

/// Replaces the host's address by that of the same memory on the device, which has the same
/// alignment. cudaErrorInvalidValue if the memory is not page-locked.
template <class Problem>
cudaError_t map_host_side(Problem& p) {
  const bool to_device = p.way == direction::to_device;
  void* const host = to_device ? const_cast<void*>(p.from) : p.to;
  void* device = nullptr;
  const cudaError_t status = cudaHostGetDevicePointer(&device, host, 0);
  if (to_device) {
    p.from = device;
  } else {
    p.to = device;
  }
  return status;
}

}  // namespace warpladder::transfer::detail
