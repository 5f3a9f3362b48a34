// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <warpladder/core/rung.hpp>

namespace warpladder::rowwise::detail {

/// Can a grid have so many blocks?
inline support fits_grid(std::int64_t blocks) {
  if (blocks > std::numeric_limits<std::int32_t>::max())
    return {"needs more than the 2^31 - 1 blocks of a grid"};
  return {};
}

}  // namespace warpladder::rowwise::detail
