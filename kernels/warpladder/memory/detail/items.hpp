// SPDX-License-Identifier: Apache-2.0
//
// Work that is a row of items, a fixed number of them per block.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>

namespace warpladder::memory::detail {

inline std::int64_t block_count(std::int64_t items, int per_block) {
  return ceil_div<std::int64_t>(items, per_block);
}

inline support fits_grid(std::int64_t items, int per_block) {
  if (block_count(items, per_block) > std::numeric_limits<std::int32_t>::max())
    return {"more blocks than the 2^31 - 1 of a grid"};
  return {};
}

/// Can 16 bytes be accessed at once?
inline bool is_wide_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

}  // namespace warpladder::memory::detail
