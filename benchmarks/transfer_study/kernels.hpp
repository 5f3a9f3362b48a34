// SPDX-License-Identifier: Apache-2.0
//
// Kernels that touch memory over the bus: as many 16-byte accesses in flight as a GPU can hold.
// Addresses and sizes are multiples of 16.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace warpladder::bench {

cudaError_t copy_by_kernel(std::byte* to, const std::byte* from, std::size_t bytes,
                           cudaStream_t stream);

/// Reads every byte and keeps none; `never_written` is an address that makes that look useful.
cudaError_t read_by_kernel(const std::byte* from, std::size_t bytes, unsigned* never_written,
                           cudaStream_t stream);

/// One launch for many pieces: `count` pieces of `bytes` each, at to[i] and from[i], arrays that
/// the device can read.
cudaError_t copy_pieces_by_kernel(std::byte* const* to, const std::byte* const* from,
                                  std::size_t count, std::size_t bytes, cudaStream_t stream);

/// Rows of `width` bytes at every so many.
cudaError_t copy_rows_by_kernel(std::byte* to, std::size_t to_pitch, const std::byte* from,
                                std::size_t from_pitch, std::size_t width, std::size_t rows,
                                cudaStream_t stream);

}  // namespace warpladder::bench
