// SPDX-License-Identifier: Apache-2.0
//
// Where the blocks of 07 rounds tell each other the sums of their tiles.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstring>
#include <warpladder/core/math.hpp>

namespace warpladder::scan::detail {

/// The sums of the last rounds, one per block. Every 4 bytes of a sum travel with the number of
/// their round in one word of 64 bits, which is written and read at once: no fence is needed.
///
/// Four rounds are kept. A block publishes round q after it has collected round q - 2; so all have
/// published q - 2, hence have collected q - 4, the round whose words q overwrites.
template <class Accumulator>
struct round_board {
  static constexpr int rounds_kept = 4, words = ceil_div(int{sizeof(Accumulator)}, 4);

  volatile unsigned long long* cells;

  static constexpr std::size_t bytes(int blocks) {
    return std::size_t(blocks) * rounds_kept * words * sizeof(*cells);
  }
  __device__ volatile unsigned long long* at(int round, int block) const {
    return cells + (round % rounds_kept * int(gridDim.x) + block) * words;
  }
  __device__ void clear(int round) const {
#pragma unroll
    for (int i = 0; i < words; ++i) at(round, blockIdx.x)[i] = 0;
  }
  __device__ void publish(int round, const Accumulator& sum) const {
    unsigned word[words] = {};
    memcpy(word, &sum, sizeof(Accumulator));
#pragma unroll
    for (int i = 0; i < words; ++i)
      at(round, blockIdx.x)[i] = static_cast<unsigned long long>(word[i]) << 32 | (round + 1u);
  }
  __device__ Accumulator wait_for(int round, int block) const {
    unsigned word[words];
    for (bool fresh = false; !fresh;) {
      fresh = true;
#pragma unroll
      for (int i = 0; i < words; ++i) {
        const unsigned long long cell = at(round, block)[i];
        word[i] = unsigned(cell >> 32);
        if (unsigned(cell) != round + 1u) fresh = false;
      }
      if (!fresh) __nanosleep(20);
    }
    Accumulator sum;
    memcpy(&sum, word, sizeof(Accumulator));
    return sum;
  }
};

}  // namespace warpladder::scan::detail
