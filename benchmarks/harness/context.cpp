// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <commit.hpp>
#include <harness/context.hpp>
#include <string>
#include <warpladder/core/error.hpp>
#include <warpladder/core/version.hpp>

namespace warpladder::bench {
namespace {

std::string version_text(int packed) {  // CUDA packs 13.0 into 13000
  return fmt::format("{}.{}", packed / 1000, packed % 1000 / 10);
}

void add_optional(const char* key, std::optional<unsigned> value, double scale = 1) {
  if (value) benchmark::AddCustomContext(key, fmt::format("{}", *value * scale));
}

}  // namespace

void describe_run(const nvml& chip, const ceilings& limits) {
  int device = 0, driver = 0, runtime = 0;
  cudaDeviceProp properties;
  WARPLADDER_TRY(cudaGetDevice(&device));
  WARPLADDER_TRY(cudaGetDeviceProperties(&properties, device));
  WARPLADDER_TRY(cudaDriverGetVersion(&driver));
  WARPLADDER_TRY(cudaRuntimeGetVersion(&runtime));

  using benchmark::AddCustomContext;
  AddCustomContext("gpu", properties.name);
  AddCustomContext("compute_capability", fmt::format("{}.{}", properties.major, properties.minor));
  AddCustomContext("multiprocessors", fmt::format("{}", properties.multiProcessorCount));
  AddCustomContext("l2_bytes", fmt::format("{}", properties.l2CacheSize));
  AddCustomContext("memory_bytes", fmt::format("{}", properties.totalGlobalMem));
  AddCustomContext("driver", chip.driver_version().empty() ? "unknown" : chip.driver_version());
  AddCustomContext("driver_cuda", version_text(driver));
  AddCustomContext("cuda_runtime", version_text(runtime));
  AddCustomContext("toolkit", version_text(CUDART_VERSION));
  AddCustomContext("build", "release");  // of us; library_build_type is Google Benchmark's
  AddCustomContext("compiler", "g++ " __VERSION__);
  AddCustomContext("warpladder", fmt::format("{}.{}.{}", WARPLADDER_VERSION_MAJOR,
                                             WARPLADDER_VERSION_MINOR, WARPLADDER_VERSION_PATCH));
  AddCustomContext("commit", WARPLADDER_COMMIT);

  AddCustomContext("ceiling_fma_tflops",
                   fmt::format("{:.2f}", limits.fma_flops_per_second * 1e-12));
  AddCustomContext("ceiling_copy_gbps", fmt::format("{:.0f}", limits.copy_bytes_per_second * 1e-9));
  AddCustomContext("ceiling_read_gbps", fmt::format("{:.0f}", limits.read_bytes_per_second * 1e-9));

  const chip_state before = chip.sample();
  add_optional("sm_clock_mhz_before", before.sm_clock_mhz);
  add_optional("memory_clock_mhz_before", before.memory_clock_mhz);
  add_optional("temperature_c_before", before.temperature_c);
  add_optional("sm_clock_mhz_max", chip.max_sm_clock_mhz());
  add_optional("power_limit_w", chip.power_limit_milliwatt(), 1e-3);
}

}  // namespace warpladder::bench
