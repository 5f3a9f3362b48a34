// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <commit.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fstream>
#include <harness/nvml.hpp>
#include <stdexcept>
#include <study.hpp>
#include <warpladder/core/error.hpp>

namespace warpladder::bench {
namespace {

std::string version_text(int packed) {  // CUDA packs 13.0 into 13000
  return fmt::format("{}.{}", packed / 1000, packed % 1000 / 10);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&now, &parts));
  return text;
}

std::string cublas_version() {
  int major = 0, minor = 0, patch = 0;
  if (cublasGetProperty(MAJOR_VERSION, &major) != CUBLAS_STATUS_SUCCESS ||
      cublasGetProperty(MINOR_VERSION, &minor) != CUBLAS_STATUS_SUCCESS ||
      cublasGetProperty(PATCH_LEVEL, &patch) != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error("cublasGetProperty failed");
  return fmt::format("{}.{}.{}", major, minor, patch);
}

void refuse_overrides() {
  for (const char* name : {"NVIDIA_TF32_OVERRIDE", "CUBLAS_EMULATE_SINGLE_PRECISION",
                           "CUBLAS_EMULATION_STRATEGY", "CUBLAS_WORKSPACE_CONFIG"}) {
    if (std::getenv(name) != nullptr)
      throw std::runtime_error(fmt::format(
          "{} is set; it changes what cuBLAS computes. Unset it to measure the defaults.", name));
  }
}

}  // namespace

nlohmann::ordered_json describe_study() {
  int device = 0, driver = 0, runtime = 0;
  cudaDeviceProp properties;
  WARPLADDER_TRY(cudaGetDevice(&device));
  WARPLADDER_TRY(cudaGetDeviceProperties(&properties, device));
  WARPLADDER_TRY(cudaDriverGetVersion(&driver));
  WARPLADDER_TRY(cudaRuntimeGetVersion(&runtime));
  const nvml chip;
  nlohmann::ordered_json context{
      {"date", utc_now()},
      {"gpu", properties.name},
      {"compute_capability", fmt::format("{}.{}", properties.major, properties.minor)},
      {"multiprocessors", properties.multiProcessorCount},
      {"driver", chip.driver_version().empty() ? "unknown" : chip.driver_version()},
      {"driver_cuda", version_text(driver)},
      {"cuda_runtime", version_text(runtime)},
      {"toolkit", version_text(CUDART_VERSION)},
      {"cublas", cublas_version()},
      {"commit", WARPLADDER_COMMIT}};
  if (const auto clock = chip.sample().sm_clock_mhz) context["sm_clock_mhz"] = *clock;
  if (const auto clock = chip.max_sm_clock_mhz()) context["sm_clock_mhz_max"] = *clock;
  return context;
}

int run_study(int argc, char** argv, const std::string& what_for,
              const std::function<nlohmann::ordered_json()>& measure,
              const std::function<void(CLI::App&)>& add_options) {
  CLI::App app(what_for);
  std::string out;
  app.add_option("--out", out, "Also write the results to this file, as JSON");
  if (add_options) add_options(app);
  app.footer("Exit codes: 0 fine, 1 something failed, 2 no GPU or a wrong argument.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
#ifndef NDEBUG
  fmt::print(stderr, "This is a debug build. Configure with -DCMAKE_BUILD_TYPE=Release.\n");
  return 2;
#endif
  int devices = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&devices);
      status != cudaSuccess || devices == 0) {
    fmt::print(stderr, "No GPU to measure on: {}.\n",
               status != cudaSuccess ? cudaGetErrorString(status) : "none is installed");
    return 2;
  }
  try {
    refuse_overrides();
    const nlohmann::ordered_json results = measure();
    if (!out.empty()) {
      std::ofstream file(out);
      file << results.dump(1) << '\n';
      if (!file.flush()) throw std::runtime_error("cannot write " + out);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "FAILED: {}\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace warpladder::bench
