// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace warpladder::test {

/// Enqueues a copy within the device by a kernel of one block: work that a transfer has to come
/// after or before.
cudaError_t copy_by_kernel(unsigned char* to, const unsigned char* from, std::size_t bytes,
                           cudaStream_t stream);

}  // namespace warpladder::test
