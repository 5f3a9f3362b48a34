// SPDX-License-Identifier: Apache-2.0
//
// The work on the device: as many dependent multiply-adds per element as the problem wants. With
// one it is limited by device memory, which is 30 times as fast as the bus; with thousands it takes
// as long as the copies, or longer.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace warpladder::pipeline::detail {

inline constexpr int transform_threads = 128;

static __device__ inline float transformed(float x, int rounds) {
  for (int round = 0; round < rounds; ++round) x = fmaf(x, x, -1.9f);
  return x;
}

/// In place. Four elements per thread are four chains that hide each other's latency, so that one
/// warp per scheduler is enough for the rate of multiply-adds. `data` is aligned to 16 bytes.
static __global__ void __launch_bounds__(transform_threads)
    transform_kernel(float* data, std::int64_t n, int rounds) {
  const std::int64_t threads = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  float4* const fours = reinterpret_cast<float4*>(data);
  for (std::int64_t i = thread; i < n / 4; i += threads) {
    float4 x = fours[i];
    for (int round = 0; round < rounds; ++round) {
      x.x = fmaf(x.x, x.x, -1.9f);
      x.y = fmaf(x.y, x.y, -1.9f);
      x.z = fmaf(x.z, x.z, -1.9f);
      x.w = fmaf(x.w, x.w, -1.9f);
    }
    fours[i] = x;
  }
  const std::int64_t last = n / 4 * 4 + thread;
  if (thread < n % 4) data[last] = transformed(data[last], rounds);
}

/// Enqueues the kernel; no more threads than a device holds.
inline cudaError_t launch_transform(float* data, std::int64_t n, int rounds, cudaStream_t on) {
  device_facts device;
  if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
  const std::int64_t wanted = ceil_div<std::int64_t>(n, 4 * transform_threads);
  const std::int64_t resident = std::int64_t{device.multiprocessors} * 2048 / transform_threads;
  return launch_kernel(transform_kernel,
                       {.grid = dim3(unsigned(std::min(wanted, resident))),
                        .block = dim3(transform_threads),
                        .stream = on},
                       data, n, rounds);
}

}  // namespace warpladder::pipeline::detail
