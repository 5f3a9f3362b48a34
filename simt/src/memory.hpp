// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace simt {

std::size_t device_bytes_in_use();

}  // namespace simt
