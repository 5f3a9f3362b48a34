// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>

namespace warpladder::grid_sync {

/// `rounds` barriers in a row across a grid of `blocks` x `threads`: each time, what every block
/// wrote before the barrier all blocks may read after it.
///
/// With a board the barriers are put to the test. In each round one thread of every block writes a
/// token into the board, and after the barrier every block reads those of all blocks. The halves of
/// the board take turns, so a barrier is needed for two reasons: a token that is read too early is
/// that of two rounds ago, one that is overwritten too early that of two rounds to come.
///
/// Without a board the barriers alone are left, for timing.
struct problem {
  unsigned blocks = 1;    ///< at least 1
  unsigned threads = 32;  ///< of each block, 1 to 1024
  std::uint32_t rounds = 0;
  unsigned* board = nullptr;            ///< 2 * blocks words in device memory, or null
  unsigned long long* wrong = nullptr;  ///< wrong tokens are added to it; null without a board
  /// Clocks by which blocks are late at most: random, each time anew, before they write and before
  /// they read. On the host, turns given to other threads, one for every 64 clocks.
  unsigned max_delay = 0;
  unsigned seed = 0;
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
inline std::string_view explain_invalid(const problem& p) {
  using warpladder::detail::is_misaligned;
  if (p.blocks == 0) return "a grid has at least one block";
  if (p.blocks > (1u << 30)) return "more than 2^30 blocks";
  if (p.threads == 0) return "a block has at least one thread";
  if (p.threads > 1024) return "a block has at most 1024 threads";
  if (p.board == nullptr) return {};
  if (p.wrong == nullptr) return "wrong is null, and there is a board to check";
  if (is_misaligned(p.board)) return "board is not aligned to its type";
  if (is_misaligned(p.wrong)) return "wrong is not aligned to its type";
  return {};
}

}  // namespace warpladder::grid_sync
