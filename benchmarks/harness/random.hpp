// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/error.hpp>

namespace warpladder::bench {

/// Fills device memory with values uniform in [-1, 1), the same for the same seed. Never zeros or
/// constants: the fewer bits toggle, the less power a kernel draws and the faster it seems.
cudaError_t fill_uniform(float* data, std::size_t size, std::uint64_t seed, cudaStream_t stream);

/// The same numbers, rounded to T: bf16, half, e4m3 or e5m2; whole numbers from -127 to 127 if T is
/// int8.
template <class T>
cudaError_t fill_uniform(T* data, std::size_t size, std::uint64_t seed, cudaStream_t stream);

/// Device memory with such numbers. Throws if there is not enough.
template <class T>
device_buffer<T> uniform_buffer(std::int64_t size, std::uint64_t seed, cudaStream_t stream) {
  device_buffer<T> made{std::size_t(size)};
  WARPLADDER_TRY(fill_uniform(made.data(), made.size(), seed, stream));
  return made;
}

/// Whole numbers from -2 to 2, which every type holds: a sum of n products of them is exact unless
/// fewer than about 5 + log2(n) / 2 bits are kept. T is float or one of the above.
template <class T>
cudaError_t fill_digits(T* data, std::size_t size, std::uint64_t seed, cudaStream_t stream);

/// Fills device memory with numbers uniform in [0, below), the same for the same seed.
cudaError_t fill_indices(std::int32_t* data, std::size_t size, std::int32_t below,
                         std::uint64_t seed, cudaStream_t stream);

}  // namespace warpladder::bench
