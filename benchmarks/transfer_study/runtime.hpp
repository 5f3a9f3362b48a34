// SPDX-License-Identifier: Apache-2.0
//
// Calls of the runtime whose signatures changed in CUDA 13, spelled once.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace warpladder::bench {

/// Where managed memory shall be, or who uses it: the current device or the host.
enum class place { device, host };

#if CUDART_VERSION >= 13000
inline cudaMemLocation location_of(place where, int device) {
  cudaMemLocation location{};
  location.type = where == place::device ? cudaMemLocationTypeDevice : cudaMemLocationTypeHost;
  location.id = where == place::device ? device : 0;
  return location;
}
#else
inline int location_of(place where, int device) {
  return where == place::device ? device : cudaCpuDeviceId;
}
#endif

inline cudaError_t prefetch(const void* data, std::size_t bytes, place where, cudaStream_t stream) {
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
#if CUDART_VERSION >= 13000
  return cudaMemPrefetchAsync(data, bytes, location_of(where, device), 0, stream);
#else
  return cudaMemPrefetchAsync(data, bytes, location_of(where, device), stream);
#endif
}

inline cudaError_t advise(const void* data, std::size_t bytes, cudaMemoryAdvise advice,
                          place where) {
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
  return cudaMemAdvise(data, bytes, advice, location_of(where, device));
}

constexpr bool has_batched_copies = CUDART_VERSION >= 12080;

/// One call for `count` copies, which may run in any order among themselves. Not in the legacy
/// default stream.
inline cudaError_t copy_batch([[maybe_unused]] std::byte* const* to,
                              [[maybe_unused]] const std::byte* const* from,
                              [[maybe_unused]] const std::size_t* bytes,
                              [[maybe_unused]] std::size_t count,
                              [[maybe_unused]] cudaStream_t stream) {
#if CUDART_VERSION >= 12080
  cudaMemcpyAttributes in_stream_order{};
  in_stream_order.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  std::size_t first = 0;  // the attributes are those of all copies from this one on
#endif
#if CUDART_VERSION >= 13000
  return cudaMemcpyBatchAsync(reinterpret_cast<void* const*>(to),
                              reinterpret_cast<const void* const*>(from), bytes, count,
                              &in_stream_order, &first, 1, stream);
#elif CUDART_VERSION >= 12080
  std::size_t failed = 0;
  return cudaMemcpyBatchAsync(reinterpret_cast<void**>(const_cast<std::byte**>(to)),
                              reinterpret_cast<void**>(const_cast<std::byte**>(from)),
                              const_cast<std::size_t*>(bytes), count, &in_stream_order, &first, 1,
                              &failed, stream);
#else
  return cudaErrorNotSupported;
#endif
}

}  // namespace warpladder::bench
