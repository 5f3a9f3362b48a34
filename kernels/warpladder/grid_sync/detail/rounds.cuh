// SPDX-License-Identifier: Apache-2.0
//
// What blocks do between barriers, so that a rung has its barrier and nothing else.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <warpladder/core/spin.cuh>
#include <warpladder/grid_sync/problem.hpp>

namespace warpladder::grid_sync::detail {

/// Of 32 bits, each from all of x's (C. Wellons' hash "lowbias32").
__device__ inline unsigned scrambled(unsigned x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

enum class occasion : unsigned { writing, reading };

/// Lets the calling thread be late by a time that hangs on the block, the round and the occasion.
__device__ inline void be_late(const problem& p, std::uint32_t round, occasion what) {
  if (p.max_delay == 0) return;
  const unsigned luck = scrambled(p.seed ^ scrambled(2 * round + unsigned(what)) ^ blockIdx.x);
  constexpr unsigned turn = 64;
  for (unsigned rest = luck % (p.max_delay + 1); rest >= turn; rest -= turn) wait_clocks(turn);
}

__device__ inline unsigned token(std::uint32_t round, unsigned block) {
  return (round + 1) * 0x9e3779b1u ^ block;
}

/// What a block does before the barrier of `round`. It is the last thread that writes, while the
/// first one is usually the one that arrives: a barrier has to speak for all threads of a block.
__device__ inline void write_token(const problem& p, std::uint32_t round) {
  if (p.board == nullptr || threadIdx.x != blockDim.x - 1) return;
  be_late(p, round, occasion::writing);
  p.board[round % 2 * p.blocks + blockIdx.x] = token(round, blockIdx.x);
}

/// What it does after it. Returns how many of the tokens that this thread has read are wrong.
__device__ inline unsigned count_wrong(const problem& p, std::uint32_t round) {
  if (p.board == nullptr) return 0;
  be_late(p, round, occasion::reading);
  unsigned wrong = 0;
  for (unsigned block = threadIdx.x; block < p.blocks; block += blockDim.x)
    wrong += p.board[round % 2 * p.blocks + block] != token(round, block);
  return wrong;
}

__device__ inline void report(const problem& p, unsigned long long wrong) {
  if (wrong != 0) atomicAdd(p.wrong, wrong);
}

/// All rounds, by a kernel that stays on the device. barrier(round), called by all threads, is the
/// rung.
template <class Barrier>
__device__ void run_rounds(const problem& p, Barrier barrier) {
  if (p.board == nullptr) {  // a loop of its own: what is timed is the barrier
    for (std::uint32_t round = 0; round < p.rounds; ++round) barrier(round);
    return;
  }
  unsigned long long wrong = 0;
  for (std::uint32_t round = 0; round < p.rounds; ++round) {
    write_token(p, round);
    barrier(round);
    wrong += count_wrong(p, round);
  }
  report(p, wrong);
}

}  // namespace warpladder::grid_sync::detail
