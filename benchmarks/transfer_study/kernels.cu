// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <transfer_study/kernels.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace warpladder::bench {
namespace {

constexpr unsigned block = 256;
constexpr int unrolled = 4;  // independent accesses per thread

__global__ void copy_kernel(uint4* to, const uint4* from, std::size_t count) {
  const std::size_t step = std::size_t(gridDim.x) * block;
  std::size_t i = std::size_t(blockIdx.x) * block + threadIdx.x;
  for (; i + (unrolled - 1) * step < count; i += unrolled * step) {
    uint4 held[unrolled];
#pragma unroll
    for (int u = 0; u < unrolled; ++u) held[u] = from[i + u * step];
#pragma unroll
    for (int u = 0; u < unrolled; ++u) to[i + u * step] = held[u];
  }
  for (; i < count; i += step) to[i] = from[i];
}

__global__ void read_kernel(const uint4* from, std::size_t count, unsigned* never_written) {
  const std::size_t step = std::size_t(gridDim.x) * block;
  unsigned all = 1;
#pragma unroll 4
  for (std::size_t i = std::size_t(blockIdx.x) * block + threadIdx.x; i < count; i += step) {
    const uint4 read = from[i];
    all |= read.x | read.y | read.z | read.w;
  }
  if (all == 0) *never_written = all;
}

__global__ void copy_pieces_kernel(std::byte* const* to, const std::byte* const* from,
                                   std::size_t bytes) {
  const auto* const in = reinterpret_cast<const uint4*>(from[blockIdx.x]);
  auto* const out = reinterpret_cast<uint4*>(to[blockIdx.x]);
  for (std::size_t i = threadIdx.x; i < bytes / sizeof(uint4); i += block) out[i] = in[i];
}

__global__ void copy_rows_kernel(std::byte* to, std::size_t to_pitch, const std::byte* from,
                                 std::size_t from_pitch, std::size_t per_row, std::size_t count) {
  const std::size_t step = std::size_t(gridDim.x) * block;
  for (std::size_t i = std::size_t(blockIdx.x) * block + threadIdx.x; i < count; i += step) {
    const std::size_t row = i / per_row, col = i % per_row;
    reinterpret_cast<uint4*>(to + row * to_pitch)[col] =
        reinterpret_cast<const uint4*>(from + row * from_pitch)[col];
  }
}

/// Enough blocks to fill the device, and no more than there is work for.
cudaError_t grid_for(std::size_t count, unsigned& grid) {
  device_facts device;
  const cudaError_t status = query_device(device);
  const std::size_t resident = std::size_t(device.multiprocessors) * (2048 / block);
  grid = unsigned(std::clamp<std::size_t>(ceil_div<std::size_t>(count, block), 1, resident));
  return status;
}

}  // namespace

cudaError_t copy_by_kernel(std::byte* to, const std::byte* from, std::size_t bytes,
                           cudaStream_t stream) {
  const std::size_t count = bytes / sizeof(uint4);
  unsigned grid = 0;
  if (const cudaError_t status = grid_for(count, grid); status != cudaSuccess) return status;
  return launch_kernel(copy_kernel, {.grid = grid, .block = block, .stream = stream},
                       reinterpret_cast<uint4*>(to), reinterpret_cast<const uint4*>(from), count);
}

cudaError_t read_by_kernel(const std::byte* from, std::size_t bytes, unsigned* never_written,
                           cudaStream_t stream) {
  const std::size_t count = bytes / sizeof(uint4);
  unsigned grid = 0;
  if (const cudaError_t status = grid_for(count, grid); status != cudaSuccess) return status;
  return launch_kernel(read_kernel, {.grid = grid, .block = block, .stream = stream},
                       reinterpret_cast<const uint4*>(from), count, never_written);
}

cudaError_t copy_pieces_by_kernel(std::byte* const* to, const std::byte* const* from,
                                  std::size_t count, std::size_t bytes, cudaStream_t stream) {
  return launch_kernel(copy_pieces_kernel,
                       {.grid = unsigned(count), .block = block, .stream = stream}, to, from,
                       bytes);
}

cudaError_t copy_rows_by_kernel(std::byte* to, std::size_t to_pitch, const std::byte* from,
                                std::size_t from_pitch, std::size_t width, std::size_t rows,
                                cudaStream_t stream) {
  const std::size_t per_row = width / sizeof(uint4), count = per_row * rows;
  unsigned grid = 0;
  if (const cudaError_t status = grid_for(count, grid); status != cudaSuccess) return status;
  return launch_kernel(copy_rows_kernel, {.grid = grid, .block = block, .stream = stream}, to,
                       to_pitch, from, from_pitch, per_row, count);
}

}  // namespace warpladder::bench
