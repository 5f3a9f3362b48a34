// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace warpladder::bench {

/// Fills device memory with values uniform in [-1, 1), the same for the same seed. Never zeros or
/// constants: the fewer bits toggle, the less power a kernel draws and the faster it seems.
cudaError_t fill_uniform(float* data, std::size_t size, std::uint64_t seed, cudaStream_t stream);

/// Fills device memory with numbers uniform in [0, below), the same for the same seed.
cudaError_t fill_indices(std::int32_t* data, std::size_t size, std::int32_t below,
                         std::uint64_t seed, cudaStream_t stream);

}  // namespace warpladder::bench
