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
  double tensor_tflops;  // 16-bit inputs, float32 sums, dense
  double memory_gbps;
  int multiprocessors;
  double boost_ghz;

  constexpr double tflops(bool on_tensor_cores) const {
    return on_tensor_cores ? tensor_tflops : float32_tflops;
  }
};

inline constexpr published_gpu published_gpus[] = {
    {"h200", "H200 SXM", 67.0, 989, 4800, 132, 1.98},
    {"h100", "H100 SXM", 66.9, 989, 3350, 132, 1.98},
    {"h100-pcie", "H100 PCIe", 51.2, 756, 2000, 114, 1.755},
    {"a100", "A100 80GB SXM", 19.5, 312, 2039, 108, 1.41},
    {"a10", "A10", 31.2, 125, 600, 72, 1.695},
    {"l40s", "L40S", 91.6, 362, 864, 142, 2.52},
    {"l4", "L4", 30.3, 121, 300, 58, 2.04},
    {"t4", "T4", 8.1, 65, 320, 40, 1.59},
    {"rtx5090", "GeForce RTX 5090", 104.8, 209.5, 1792, 170, 2.41},
    {"rtx4090", "GeForce RTX 4090", 82.6, 165.2, 1008, 128, 2.52},
    {"rtx3090", "GeForce RTX 3090", 35.6, 71, 936, 82, 1.695},
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
