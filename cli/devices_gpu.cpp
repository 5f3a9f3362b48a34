// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <warpladder/core/error.hpp>

#include "commands.hpp"

namespace warpladder::cli {
namespace {

std::string version_text(int packed) {  // CUDA packs 13.0 into 13000
  return fmt::format("{}.{}", packed / 1000, packed % 1000 / 10);
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  WARPLADDER_TRY(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

}  // namespace

int devices(bool as_json) {
  int count = 0, driver = 0, runtime = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess || count == 0) {
    fmt::print(stderr, "No GPU: {}. `warpladder devices --backend host` shows the host executor.\n",
               status == cudaSuccess ? "none is installed" : cudaGetErrorString(status));
    return 2;
  }
  WARPLADDER_TRY(cudaDriverGetVersion(&driver));
  WARPLADDER_TRY(cudaRuntimeGetVersion(&runtime));
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp facts;
    WARPLADDER_TRY(cudaGetDeviceProperties(&facts, device));
    const double clock_mhz = attribute(cudaDevAttrClockRate, device) * 1e-3;
    const double memory_clock_mhz = attribute(cudaDevAttrMemoryClockRate, device) * 1e-3;
    // Two transfers per clock on every memory in use.
    const double gbps = 2 * memory_clock_mhz * 1e6 * facts.memoryBusWidth / 8 * 1e-9;
    all.push_back({{"backend", "gpu"},
                   {"index", device},
                   {"name", facts.name},
                   {"compute_capability", facts.major * 10 + facts.minor},
                   {"multiprocessors", facts.multiProcessorCount},
                   {"clock_mhz", clock_mhz},
                   {"memory_bytes", facts.totalGlobalMem},
                   {"nominal_memory_gbps", gbps},
                   {"l2_bytes", facts.l2CacheSize},
                   {"shared_bytes_per_block", facts.sharedMemPerBlockOptin},
                   {"driver_cuda", version_text(driver)},
                   {"runtime_cuda", version_text(runtime)}});
    if (as_json) continue;
    fmt::print(
        "{}: {}\n"
        "  compute capability {}.{}, {} multiprocessors, up to {:.0f} MHz\n"
        "  {:.1f} GiB of memory at nominally {:.0f} GB/s, {:.0f} MiB L2, {} KiB shared memory per "
        "block\n"
        "  driver for CUDA {}, runtime {}\n",
        device, facts.name, facts.major, facts.minor, facts.multiProcessorCount, clock_mhz,
        double(facts.totalGlobalMem) / (1 << 30), gbps, double(facts.l2CacheSize) / (1 << 20),
        facts.sharedMemPerBlockOptin / 1024, version_text(driver), version_text(runtime));
  }
  if (as_json) fmt::print("{}\n", all.dump(2));
  return 0;
}

}  // namespace warpladder::cli
