// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>

namespace warpladder {

/// How to launch a kernel. Spelled out at every call so that no stream is a default one.
struct launch_config {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory; above 48 KiB is opted in to for you
  cudaStream_t stream;
  unsigned cluster = 1;      ///< blocks per cluster along x (compute capability 9.0 and later)
  bool cooperative = false;  ///< all blocks resident at once, as grid-wide barriers need
  cudaAccessPolicyWindow l2_window = {};  ///< num_bytes > 0: what L2 keeps (8.0 and later)
  /// May start while the kernel before it in the stream still runs; without effect before 9.0. The
  /// kernel must wait_for_kernels_before() before it touches memory: dependent_launch.cuh.
  bool overlaps_kernel_before = false;
};

namespace detail {

/// Lets `kernel` have so much dynamic shared memory.
template <class... Parameters>
cudaError_t opt_in_to_shared_memory(void (*kernel)(Parameters...), std::size_t bytes) {
  // 48 KiB need no opting in, of which the kernel's static arrays may take a third.
  constexpr std::size_t without_opt_in = 48 * 1024;
  if (bytes <= without_opt_in / 3 * 2) return cudaSuccess;
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              int(std::max(bytes, without_opt_in + 1)));
}

}  // namespace detail

/// Launches `kernel` and returns the launch status; asynchronous and legal under stream capture.
/// One spelling for both backends: g++ cannot parse the triple angle brackets.
template <class... Parameters, class... Arguments>
cudaError_t launch_kernel(void (*kernel)(Parameters...), const launch_config& config,
                          Arguments&&... arguments) {
  const cudaError_t status = detail::opt_in_to_shared_memory(kernel, config.shared_bytes);
  if (status != cudaSuccess) return status;

  cudaLaunchAttribute attributes[4] = {};
  unsigned count = 0;
  if (config.cooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count++].val.cooperative = 1;
  }
  if (config.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {config.cluster, 1, 1};
  }
  if (config.l2_window.num_bytes > 0) {
    attributes[count].id = cudaLaunchAttributeAccessPolicyWindow;
    attributes[count++].val.accessPolicyWindow = config.l2_window;
  }
  if (config.overlaps_kernel_before) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }

  cudaLaunchConfig_t native = {};
  native.gridDim = config.grid;
  native.blockDim = config.block;
  native.dynamicSmemBytes = config.shared_bytes;
  native.stream = config.stream;
  native.attrs = attributes;
  native.numAttrs = count;
  return cudaLaunchKernelEx(&native, kernel, Parameters(arguments)...);
}

}  // namespace warpladder
