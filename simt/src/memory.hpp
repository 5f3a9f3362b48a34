// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace simt {

std::size_t device_bytes_in_use();

// True for pinned and registered memory, which kernels may use.
bool is_host_memory_of_the_device(const void* pointer);

}  // namespace simt
