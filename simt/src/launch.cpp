// SPDX-License-Identifier: Apache-2.0
// What CUDA checks before a kernel runs, and the attributes it checks against.
#include "simt/launch.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "device.hpp"
#include "errors.hpp"
#include "faults.hpp"
#include "grid.hpp"
#include "stream.hpp"
#include "symbols.hpp"

namespace simt {
namespace {

struct kernel_settings {
  std::size_t max_dynamic_shared = device::shared_per_block;
  bool non_portable_cluster = false;
};

struct settings_table {
  std::mutex mutex;
  std::map<const void*, kernel_settings> kernels;
};

settings_table& the_settings() {
  static settings_table& instance = *new settings_table;
  return instance;
}

kernel_settings settings_of(const void* kernel) {
  settings_table& table = the_settings();
  std::lock_guard lock(table.mutex);
  const auto found = table.kernels.find(kernel);
  return found == table.kernels.end() ? kernel_settings{} : found->second;
}

int blocks_per_sm(const void* kernel, unsigned threads, std::size_t dynamic_bytes) {
  const unsigned warps = (threads + 31) / 32;
  const std::size_t shared =
      dynamic_bytes + symbols_of(kernel).static_shared_bytes + device::shared_reserved_per_block;
  const int by_threads = device::max_threads_per_sm / static_cast<int>(warps * 32);
  const int by_shared = static_cast<int>(device::shared_per_sm / shared);
  return std::min({device::max_blocks_per_sm, by_threads, by_shared});
}

bool exceeds(const dim3& value, unsigned x, unsigned y, unsigned z) {
  return value.x > x || value.y > y || value.z > z;
}
std::uint64_t volume(const dim3& v) {
  return std::uint64_t{v.x} * v.y * v.z;
}

launch_plan planned(const void* kernel, const cudaLaunchConfig_t& config) {
  launch_plan plan;
  plan.kernel = kernel;
  plan.grid = config.gridDim;
  plan.block = config.blockDim;
  plan.dynamic_shared_bytes = config.dynamicSmemBytes;
  plan.with = current_options();
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    if (attribute.id == cudaLaunchAttributeClusterDimension) {
      plan.cluster =
          dim3(attribute.val.clusterDim.x, attribute.val.clusterDim.y, attribute.val.clusterDim.z);
    } else if (attribute.id == cudaLaunchAttributeCooperative) {
      plan.cooperative = attribute.val.cooperative != 0;
    }
  }
  return plan;
}

// Blocks of the planned shape that the device holds at once.
std::uint64_t resident_blocks(const launch_plan& plan) {
  return static_cast<std::uint64_t>(
             blocks_per_sm(plan.kernel, plan.block_threads(), plan.dynamic_shared_bytes)) *
         static_cast<std::uint64_t>(plan.with.sm_count);
}

cudaError_t validate(const launch_plan& plan) {
  if (plan.kernel == nullptr) return cudaErrorInvalidDeviceFunction;
  if (volume(plan.grid) == 0 || volume(plan.block) == 0 ||
      exceeds(plan.grid, device::max_grid_x, device::max_grid_y, device::max_grid_z) ||
      exceeds(plan.block, device::max_block_x, device::max_block_y, device::max_block_z) ||
      volume(plan.block) > device::max_threads_per_block) {
    return cudaErrorInvalidConfiguration;
  }
  const kernel_settings settings = settings_of(plan.kernel);
  const std::size_t static_bytes = symbols_of(plan.kernel).static_shared_bytes;
  const bool opted_in = settings.max_dynamic_shared > device::shared_per_block;
  if (plan.dynamic_shared_bytes > settings.max_dynamic_shared ||
      static_bytes > device::shared_per_block ||
      static_bytes + plan.dynamic_shared_bytes >
          (opted_in ? device::shared_per_block_opt_in : device::shared_per_block)) {
    return cudaErrorInvalidValue;
  }
  const std::uint64_t largest_cluster = settings.non_portable_cluster
                                            ? device::max_cluster_size_non_portable
                                            : device::max_cluster_size;
  if (volume(plan.cluster) == 0 || volume(plan.cluster) > largest_cluster) {
    return cudaErrorInvalidClusterSize;
  }
  if (plan.grid.x % plan.cluster.x || plan.grid.y % plan.cluster.y ||
      plan.grid.z % plan.cluster.z) {
    return cudaErrorInvalidConfiguration;
  }
  if (plan.cooperative && plan.block_count() > resident_blocks(plan)) {
    return cudaErrorCooperativeLaunchTooLarge;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t detail::launch(const void* kernel, const cudaLaunchConfig_t& config,
                           bound_kernel body) {
  auto plan = std::make_shared<launch_plan>(planned(kernel, config));
  plan->body = std::move(body);
  if (const cudaError_t error = validate(*plan)) return noted(error);
  if (const cudaError_t failure = next_failure(fault::kernel_launch)) return noted(failure);
  const cudaError_t outcome = next_failure(fault::kernel_execution);
  return noted(submit(config.stream, {[plan, outcome] {
                        return outcome != cudaSuccess ? outcome : run_grid(*plan);
                      }}));
}

}  // namespace simt

using simt::noted;
namespace device = simt::device;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (kernel == nullptr) return noted(cudaErrorInvalidDeviceFunction);
  auto& table = simt::the_settings();
  std::lock_guard lock(table.mutex);
  auto& settings = table.kernels[kernel];
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize: {
      const std::size_t static_bytes = simt::symbols_of(kernel).static_shared_bytes;
      if (value < 0 ||
          static_cast<std::size_t>(value) + static_bytes > device::shared_per_block_opt_in) {
        return noted(cudaErrorInvalidValue);
      }
      settings.max_dynamic_shared = static_cast<std::size_t>(value);
      return cudaSuccess;
    }
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      return value < -1 || value > 100 ? noted(cudaErrorInvalidValue) : cudaSuccess;
    case cudaFuncAttributeNonPortableClusterSizeAllowed:
      settings.non_portable_cluster = value != 0;
      return cudaSuccess;
  }
  return noted(cudaErrorInvalidValue);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (attributes == nullptr) return noted(cudaErrorInvalidValue);
  if (kernel == nullptr) return noted(cudaErrorInvalidDeviceFunction);
  const auto settings = simt::settings_of(kernel);
  *attributes = {};
  attributes->sharedSizeBytes = simt::symbols_of(kernel).static_shared_bytes;
  attributes->maxThreadsPerBlock = device::max_threads_per_block;
  attributes->numRegs = device::registers_per_thread;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(settings.max_dynamic_shared);
  attributes->preferredShmemCarveout = cudaSharedmemCarveoutDefault;
  attributes->nonPortableClusterSizeAllowed = settings.non_portable_cluster;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int block_size, size_t dynamic_bytes) {
  if (blocks == nullptr || block_size <= 0) return noted(cudaErrorInvalidValue);
  if (kernel == nullptr) return noted(cudaErrorInvalidDeviceFunction);
  const bool fits = block_size <= device::max_threads_per_block &&
                    dynamic_bytes <= simt::settings_of(kernel).max_dynamic_shared;
  *blocks =
      fits ? simt::blocks_per_sm(kernel, static_cast<unsigned>(block_size), dynamic_bytes) : 0;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel,
                                           const cudaLaunchConfig_t* config) {
  if (clusters == nullptr || config == nullptr) return noted(cudaErrorInvalidValue);
  auto plan = simt::planned(kernel, *config);
  plan.cooperative = false;  // the question is how much would fit
  if (const cudaError_t error = simt::validate(plan)) return noted(error);
  *clusters = static_cast<int>(simt::resident_blocks(plan) / simt::volume(plan.cluster));
  return cudaSuccess;
}
