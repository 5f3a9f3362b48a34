// SPDX-License-Identifier: Apache-2.0
#include <array_inputs.hpp>
#include <harness/mix.cuh>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

template <class T>
__device__ T random_element(std::uint64_t bits) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(bits);
  } else if constexpr (std::is_same_v<T, double>) {
    return double(bits >> 11) * 0x1p-52 - 1;
  } else {
    return T(float(std::uint32_t(bits >> 40)) * 0x1p-23f - 1.0f);
  }
}

template <class T>
__global__ void fill_random_kernel(T* data, std::int64_t n, std::uint64_t seed) {
  const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    data[i] = random_element<T>(mix(seed + i));
  }
}

template <class T>
__global__ void fill_integers_kernel(T* data, std::int64_t n, small_integers how) {
  const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    const std::uint64_t bits = mix((how.seed << 40) + i);
    std::int64_t value = 0;
    if (mix(bits) % std::uint64_t(how.parts) == std::uint64_t(how.part)) {
      value = std::int64_t(bits % std::uint64_t(2 * how.amplitude)) - how.amplitude;
      value += value >= 0;
    }
    data[i] = T(accumulator_t<T>(value));
  }
}

}  // namespace

template <class T>
cudaError_t fill_random(T* data, std::int64_t n, std::uint64_t seed, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  return launch_kernel(fill_random_kernel<T>, {.grid = 1024, .block = 256, .stream = stream}, data,
                       n, seed << 40);
}

template <class T>
cudaError_t fill_integers(T* data, std::int64_t n, const small_integers& how, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  return launch_kernel(fill_integers_kernel<T>, {.grid = 1024, .block = 256, .stream = stream},
                       data, n, how);
}

#define WARPLADDER_INSTANTIATE(T)                                                  \
  template cudaError_t fill_random(T*, std::int64_t, std::uint64_t, cudaStream_t); \
  template cudaError_t fill_integers(T*, std::int64_t, const small_integers&, cudaStream_t);
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(double)
WARPLADDER_INSTANTIATE(__half)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
WARPLADDER_INSTANTIATE(std::int32_t)
WARPLADDER_INSTANTIATE(std::int64_t)
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::bench
