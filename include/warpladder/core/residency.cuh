// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <warpladder/core/launch.cuh>

namespace warpladder {

/// How many blocks of `kernel`, of config.block threads and config.shared_bytes each and in
/// clusters of config.cluster, an idle current device holds at once: the largest grid whose blocks
/// may wait for each other. config.grid and config.stream do not matter. Asks the occupancy
/// functions of the runtime: no synchronisation, legal under stream capture.
template <class... Parameters>
cudaError_t max_resident_blocks(void (*kernel)(Parameters...), const launch_config& config,
                                std::size_t& blocks) {
  blocks = 0;
  cudaError_t status = detail::opt_in_to_shared_memory(kernel, config.shared_bytes);
  if (status != cudaSuccess) return status;
  const auto function = reinterpret_cast<const void*>(kernel);

  if (config.cluster > 1) {  // a cluster wants multiprocessors that are neighbours: fewer may fit
    cudaLaunchAttribute cluster = {};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {config.cluster, 1, 1};
    cudaLaunchConfig_t native = {};
    native.gridDim = dim3(config.cluster);
    native.blockDim = config.block;
    native.dynamicSmemBytes = config.shared_bytes;
    native.attrs = &cluster;
    native.numAttrs = 1;
    int clusters = 0;
    status = cudaOccupancyMaxActiveClusters(&clusters, function, &native);
    if (status == cudaSuccess) blocks = std::size_t(clusters) * config.cluster;
    return status;
  }

  int device = 0, multiprocessors = 0, per_multiprocessor = 0;
  const auto threads = std::size_t(config.block.x) * config.block.y * config.block.z;
  status = cudaGetDevice(&device);
  if (status != cudaSuccess) return status;
  status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (status != cudaSuccess) return status;
  status = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, function,
                                                         int(threads), config.shared_bytes);
  if (status != cudaSuccess) return status;
  blocks = std::size_t(per_multiprocessor) * std::size_t(multiprocessors);
  return cudaSuccess;
}

/// launch_kernel, cooperative, for kernels whose blocks wait for each other. A grid of more blocks
/// than max_resident_blocks is refused with cudaErrorCooperativeLaunchTooLarge before anything is
/// enqueued, also under stream capture, where the driver would say so only when the graph is
/// instantiated. Work of others on the device delays the launch and does no harm: it starts when
/// there is room for all of its blocks.
template <class... Parameters, class... Arguments>
cudaError_t launch_resident(void (*kernel)(Parameters...), launch_config config,
                            Arguments&&... arguments) {
  std::size_t fit = 0;
  const cudaError_t status = max_resident_blocks(kernel, config, fit);
  if (status != cudaSuccess) return status;
  if (std::size_t(config.grid.x) * config.grid.y * config.grid.z > fit)
    return cudaErrorCooperativeLaunchTooLarge;
  config.cooperative = true;
  return launch_kernel(kernel, config, static_cast<Arguments&&>(arguments)...);
}

}  // namespace warpladder
