// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>
#include <warpladder/core/error.hpp>

#include "commands.hpp"

namespace warpladder::cli {

int devices(bool as_json) {
  cudaDeviceProp facts;
  WARPLADDER_TRY(cudaGetDeviceProperties(&facts, 0));
  const unsigned processors = std::thread::hardware_concurrency();
  if (as_json) {
    const nlohmann::ordered_json device{
        {"backend", "host"},
        {"name", facts.name},
        {"processors", processors},
        {"pretended_compute_capability", facts.major * 10 + facts.minor},
        {"pretended_multiprocessors", facts.multiProcessorCount},
        {"pretended_shared_bytes_per_block", facts.sharedMemPerBlockOptin}};
    fmt::print("{}\n", nlohmann::ordered_json::array({device}).dump(2));
    return 0;
  }
  fmt::print(
      "{}\n"
      "  runs CUDA kernels on {} processors of this computer, for correctness and not for speed\n"
      "  pretends to be  compute capability {}.{}, {} multiprocessors, {} KiB shared memory per "
      "block\n",
      facts.name, processors, facts.major, facts.minor, facts.multiProcessorCount,
      facts.sharedMemPerBlockOptin / 1024);
  return 0;
}

}  // namespace warpladder::cli
