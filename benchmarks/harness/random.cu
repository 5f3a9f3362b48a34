// SPDX-License-Identifier: Apache-2.0
#include <harness/mix.cuh>
#include <harness/random.hpp>
#include <type_traits>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

template <class T>
__global__ void fill_uniform_kernel(T* data, std::size_t size, std::uint64_t seed) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    const auto bits = static_cast<std::uint32_t>(mix(seed + i) >> 40);  // 24 bits: exact in float
    const float value = float(bits) * 0x1p-23f - 1.0f;
    data[i] = std::is_same_v<T, std::int8_t> ? T(rintf(127 * value)) : T(value);
  }
}

template <class T>
__global__ void fill_digits_kernel(T* data, std::size_t size, std::uint64_t seed) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    data[i] = T(float((mix(seed + i) >> 32) % 5) - 2.0f);
  }
}

__global__ void fill_indices_kernel(std::int32_t* data, std::size_t size, std::uint32_t below,
                                    std::uint64_t seed) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    data[i] = static_cast<std::int32_t>(__umulhi(std::uint32_t(mix(seed + i) >> 32), below));
  }
}

}  // namespace

template <class T>
cudaError_t fill_uniform(T* data, std::size_t size, std::uint64_t seed, cudaStream_t stream) {
  if (size == 0) return cudaSuccess;
  return warpladder::launch_kernel(fill_uniform_kernel<T>,
                                   {.grid = 1024, .block = 256, .stream = stream}, data, size,
                                   seed << 40);
}

template <class T>
cudaError_t fill_digits(T* data, std::size_t size, std::uint64_t seed, cudaStream_t stream) {
  if (size == 0) return cudaSuccess;
  return warpladder::launch_kernel(fill_digits_kernel<T>,
                                   {.grid = 1024, .block = 256, .stream = stream}, data, size,
                                   seed << 40);
}

#define WARPLADDER_INSTANTIATE(T)                                                  \
  template cudaError_t fill_uniform(T*, std::size_t, std::uint64_t, cudaStream_t); \
  template cudaError_t fill_digits(T*, std::size_t, std::uint64_t, cudaStream_t);
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
WARPLADDER_INSTANTIATE(__half)
WARPLADDER_INSTANTIATE(__nv_fp8_e4m3)
WARPLADDER_INSTANTIATE(__nv_fp8_e5m2)
WARPLADDER_INSTANTIATE(std::int8_t)
#undef WARPLADDER_INSTANTIATE

cudaError_t fill_uniform(float* data, std::size_t size, std::uint64_t seed, cudaStream_t stream) {
  return fill_uniform<float>(data, size, seed, stream);
}

cudaError_t fill_indices(std::int32_t* data, std::size_t size, std::int32_t below,
                         std::uint64_t seed, cudaStream_t stream) {
  if (size == 0) return cudaSuccess;
  return warpladder::launch_kernel(fill_indices_kernel,
                                   {.grid = 1024, .block = 256, .stream = stream}, data, size,
                                   std::uint32_t(below), seed << 40);
}

}  // namespace warpladder::bench
