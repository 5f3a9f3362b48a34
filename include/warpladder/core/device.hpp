// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

namespace warpladder {

/// What launch decisions need to know of a device.
struct device_facts {
  int compute_capability = 0;  ///< major * 10 + minor, e.g. 90
  int multiprocessors = 0;
  int shared_bytes_per_block = 0;  ///< largest dynamic shared memory a block may ask for
  int l2_bytes = 0;
};

/// Reads the facts of the calling thread's current device. Attribute look-ups are answered by the
/// runtime from memory: no synchronisation, legal under stream capture, well under a microsecond.
inline cudaError_t query_device(device_facts& facts) noexcept {
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
  int major = 0, minor = 0;
  const struct {
    int* value;
    cudaDeviceAttr attribute;
  } wanted[] = {{&major, cudaDevAttrComputeCapabilityMajor},
                {&minor, cudaDevAttrComputeCapabilityMinor},
                {&facts.multiprocessors, cudaDevAttrMultiProcessorCount},
                {&facts.shared_bytes_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin},
                {&facts.l2_bytes, cudaDevAttrL2CacheSize}};
  for (const auto& [value, attribute] : wanted) {
    const cudaError_t status = cudaDeviceGetAttribute(value, attribute, device);
    if (status != cudaSuccess) return status;
  }
  facts.compute_capability = major * 10 + minor;
  return cudaSuccess;
}

}  // namespace warpladder
