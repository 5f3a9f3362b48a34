// SPDX-License-Identifier: Apache-2.0
//
// Bytes that cannot be there by accident, and how many of them have not arrived.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// The processors that this process may use.
int usable_cores();

/// Calls work(begin, end) with slices of [0, bytes), each on a thread of its own; they begin at
/// multiples of 4096. Exceptions must not leave `work`.
void for_each_slice(int threads, std::size_t bytes,
                    const std::function<void(std::size_t begin, std::size_t end)>& work);

/// Writes the pattern of `seed`, from an address that is a multiple of 8 on, by all cores.
void fill_pattern_on_host(std::byte* to, std::size_t bytes, std::uint64_t seed);
/// The same in memory that the device can write.
cudaError_t fill_pattern(std::byte* to, std::size_t bytes, std::uint64_t seed, cudaStream_t stream);

/// Bytes that differ from the pattern.
std::size_t count_wrong_on_host(const std::byte* in, std::size_t bytes, std::uint64_t seed);
/// The same in memory that the device can read. Waits for the stream.
std::size_t count_wrong(const std::byte* in, std::size_t bytes, std::uint64_t seed,
                        stream_view stream);

}  // namespace warpladder::bench
