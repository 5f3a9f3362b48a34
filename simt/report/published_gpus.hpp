// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace simt::report {

/// Peaks as published by NVIDIA, for the rooflines that the host shows. Sources: the data sheets of
/// the data centre boards and the architecture white papers of the GeForce ones (boost clock). Real
/// kernels reach less: on a GPU, climb measures the ceilings instead.
struct published_gpu {
  std::string_view key, name;
  double float32_tflops;
  double memory_gbps;
  int multiprocessors;
  double boost_ghz;
};

inline constexpr published_gpu published_gpus[] = {
    {"h200", "H200 SXM", 67.0, 4800, 132, 1.98},
    {"h100", "H100 SXM", 66.9, 3350, 132, 1.98},
    {"h100-pcie", "H100 PCIe", 51.2, 2000, 114, 1.755},
    {"a100", "A100 80GB SXM", 19.5, 2039, 108, 1.41},
    {"a10", "A10", 31.2, 600, 72, 1.695},
    {"l40s", "L40S", 91.6, 864, 142, 2.52},
    {"l4", "L4", 30.3, 300, 58, 2.04},
    {"t4", "T4", 8.1, 320, 40, 1.59},
    {"rtx5090", "GeForce RTX 5090", 104.8, 1792, 170, 2.41},
    {"rtx4090", "GeForce RTX 4090", 82.6, 1008, 128, 2.52},
    {"rtx3090", "GeForce RTX 3090", 35.6, 936, 82, 1.695},
};

/// The GPU of this key; throws std::invalid_argument, naming those there are.
inline const published_gpu& find_gpu(std::string_view key) {
  std::string known;
  for (const published_gpu& gpu : published_gpus) {
    if (gpu.key == key) return gpu;
    known.append(known.empty() ? "" : ", ").append(gpu.key);
  }
  throw std::invalid_argument("--gpu " + std::string(key) + ": choose one of " + known + ".");
}

}  // namespace simt::report
