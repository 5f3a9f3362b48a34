// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace warpladder::bench {

constexpr int strided_read_blocks = 2048;

/// Reads in[0], in[stride], ... in[(count - 1) * stride], neighbouring threads neighbouring ones of
/// them. Writes the exclusive or of their bits, a part of it per block: enough for the compiler to
/// keep the loads, and for the host to check that they were made.
cudaError_t strided_read(const float* in, std::int64_t count, std::int64_t stride,
                         std::uint32_t* part_of_block, cudaStream_t stream);

}  // namespace warpladder::bench
