// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace warpladder::cli {

/// Peaks as published by NVIDIA, for the roofline that the host backend shows. Sources: the data
/// sheets of the data centre boards and the architecture white papers of the GeForce ones (boost
/// clock). Real kernels reach less: on a GPU, climb measures the ceilings instead.
struct published_gpu {
  std::string_view key, name;
  double float32_tflops;
  double memory_gbps;
};

inline constexpr published_gpu published_gpus[] = {
    {"h200", "H200 SXM", 67.0, 4800},
    {"h100", "H100 SXM", 66.9, 3350},
    {"h100-pcie", "H100 PCIe", 51.2, 2000},
    {"a100", "A100 80GB SXM", 19.5, 2039},
    {"a10", "A10", 31.2, 600},
    {"l40s", "L40S", 91.6, 864},
    {"l4", "L4", 30.3, 300},
    {"t4", "T4", 8.1, 320},
    {"rtx5090", "GeForce RTX 5090", 104.8, 1792},
    {"rtx4090", "GeForce RTX 4090", 82.6, 1008},
    {"rtx3090", "GeForce RTX 3090", 35.6, 936},
};

}  // namespace warpladder::cli
