// SPDX-License-Identifier: Apache-2.0
// Launching: cudaLaunchKernelEx and its older relatives. `<<<>>>` is not C++, so it is not here.
#pragma once

#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simt/runtime_api.hpp"

enum cudaAccessProperty {
  cudaAccessPropertyNormal = 0,
  cudaAccessPropertyStreaming = 1,
  cudaAccessPropertyPersisting = 2,
};

// A hint for a cache that the host does not have: taken and ignored.
struct cudaAccessPolicyWindow {
  void* base_ptr;
  size_t num_bytes;
  float hitRatio;
  cudaAccessProperty hitProp, missProp;
};

struct cudaLaunchAttributeValue {
  cudaAccessPolicyWindow accessPolicyWindow;
  struct {
    unsigned x, y, z;
  } clusterDim;
  int cooperative;
  int priority;
  int programmaticStreamSerializationAllowed;
};

enum cudaLaunchAttributeID {
  cudaLaunchAttributeIgnore = 0,
  cudaLaunchAttributeAccessPolicyWindow = 1,
  cudaLaunchAttributeCooperative = 2,
  cudaLaunchAttributeClusterDimension = 4,
  cudaLaunchAttributeProgrammaticStreamSerialization = 6,
  cudaLaunchAttributePriority = 8,
};

struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

namespace simt::detail {

// A kernel with its arguments bound: calling it runs one CUDA thread.
using bound_kernel = std::function<void()>;

// Validates as CUDA does, then queues.
cudaError_t launch(const void* kernel, const cudaLaunchConfig_t& config, bound_kernel body);

template <class... Parameters, class... Arguments>
bound_kernel bind_kernel(void (*kernel)(Parameters...), Arguments&&... arguments) {
  return [kernel, bound = std::tuple<std::remove_cv_t<Parameters>...>(static_cast<Parameters>(
                      std::forward<Arguments>(arguments))...)] { std::apply(kernel, bound); };
}

template <class... Parameters, std::size_t... I>
bound_kernel bind_pointers(void (*kernel)(Parameters...), [[maybe_unused]] void** arguments,
                           std::index_sequence<I...>) {
  return bind_kernel(kernel, *static_cast<std::remove_cv_t<Parameters>*>(arguments[I])...);
}

}  // namespace simt::detail

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "wrong number of kernel arguments");
  return simt::detail::launch(
      reinterpret_cast<const void*>(kernel), *config,
      simt::detail::bind_kernel(kernel, std::forward<Arguments>(arguments)...));
}

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             size_t shared_bytes = 0, cudaStream_t stream = nullptr) {
  const cudaLaunchConfig_t config{grid, block, shared_bytes, stream, nullptr, 0};
  return simt::detail::launch(
      reinterpret_cast<const void*>(kernel), config,
      simt::detail::bind_pointers(kernel, arguments, std::index_sequence_for<Parameters...>{}));
}

template <class... Parameters>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                        void** arguments, size_t shared_bytes = 0,
                                        cudaStream_t stream = nullptr) {
  cudaLaunchAttribute cooperative{};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  const cudaLaunchConfig_t config{grid, block, shared_bytes, stream, &cooperative, 1};
  return simt::detail::launch(
      reinterpret_cast<const void*>(kernel), config,
      simt::detail::bind_pointers(kernel, arguments, std::index_sequence_for<Parameters...>{}));
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel,
                                           const cudaLaunchConfig_t* config);

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*kernel)(Parameters...),
                                           const cudaLaunchConfig_t* config) {
  return cudaOccupancyMaxActiveClusters(clusters, reinterpret_cast<const void*>(kernel), config);
}
