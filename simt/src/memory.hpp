// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "simt/simt.hpp"

namespace simt {

std::size_t device_bytes_in_use();

// True for pinned and registered memory, which kernels may use.
bool is_host_memory_of_the_device(const void* pointer);

void count_memory(object_counts& counts);

}  // namespace simt
