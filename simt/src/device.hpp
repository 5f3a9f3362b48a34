// SPDX-License-Identifier: Apache-2.0
// The limits of the pretended device: those of compute capability 9.0.
#pragma once

#include <cstddef>

namespace simt::device {

inline constexpr int max_threads_per_block = 1024;
inline constexpr int max_block_x = 1024, max_block_y = 1024, max_block_z = 64;
inline constexpr unsigned max_grid_x = 2147483647u, max_grid_y = 65535, max_grid_z = 65535;
inline constexpr int max_threads_per_sm = 2048;
inline constexpr int max_blocks_per_sm = 32;
inline constexpr int max_cluster_size = 8;
inline constexpr int max_cluster_size_non_portable = 16;
inline constexpr std::size_t shared_per_block = 48 * 1024;
inline constexpr std::size_t shared_per_block_opt_in = 227 * 1024;
inline constexpr std::size_t shared_per_sm = 228 * 1024;
inline constexpr std::size_t shared_reserved_per_block = 1024;
inline constexpr int registers = 65536;
// A guess that lets the shared memory and the thread count decide the occupancy.
inline constexpr int registers_per_thread = 32;

}  // namespace simt::device
