// SPDX-License-Identifier: Apache-2.0
//
// Warp-wide accesses whose cost is worth knowing: the regular ones of the ladders, the textbook's
// conflicts, and random ones that a wrong model would not survive.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>
#include <warpladder/core/buffer.hpp>

namespace warpladder::bench {

enum class access_kind : int {
  shared_load,
  shared_store,
  shared_atomic,
  global_load,
  global_store,
  global_reduction,  ///< an atomic whose old value nobody wants
  global_atomic,
};

constexpr std::string_view access_kind_names[] = {
    "shared_load",  "shared_store",     "shared_atomic", "global_load",
    "global_store", "global_reduction", "global_atomic"};

/// One instruction of one warp: lane i accesses `width` bytes at byte `offset[i]` if bit i of
/// `active` is set. Offsets are multiples of the width and below pattern_bytes - 16.
struct access_pattern {
  access_kind kind;
  int width;
  std::uint32_t active;
  std::uint16_t offset[32];
};

inline constexpr int pattern_bytes = 48 * 1024;

/// The same list on every machine.
std::vector<access_pattern> make_access_patterns();

/// Launches one warp that makes this access. `memory` holds pattern_bytes + 64 zeros.
void run(const access_pattern& p, const device_buffer<unsigned char>& memory);

}  // namespace warpladder::bench
