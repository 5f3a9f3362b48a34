// SPDX-License-Identifier: Apache-2.0
//
// What the tiles of a single-pass scan tell each other in device memory: a state, and the value
// that goes with it. States only rise; the memory of the states begins as zeros.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace warpladder::scan::detail {

enum class tile_state : unsigned {
  unknown,
  sum,    ///< the value is the tile's own sum
  prefix  ///< the value is all up to the end of the tile, `initial` included
};

template <class Accumulator>
struct told {
  tile_state state;
  Accumulator value;
};

/// For values of up to 4 bytes: state and value in one word, written and read as a whole. Nothing
/// has to be in order with anything else, hence no fences.
template <class Accumulator>
class packed_tile_states {
 public:
  /// Bytes that have to be zero, and all bytes, of the states of so many tiles.
  static std::size_t zeroed_bytes(std::int64_t tiles) { return std::size_t(tiles) * sizeof(word); }
  static std::size_t bytes(std::int64_t tiles) { return zeroed_bytes(tiles); }

  packed_tile_states(void* memory, std::int64_t) : words_(static_cast<word*>(memory)) {}

  __device__ void tell(std::int64_t tile, tile_state state, const Accumulator& value) const {
    unsigned bits = 0;
    memcpy(&bits, &value, sizeof value);
    atomicExch(&words_[tile], word(state) << 32 | bits);
  }
  __device__ told<Accumulator> ask(std::int64_t tile) const {
    const word seen = *static_cast<const volatile word*>(&words_[tile]);
    const unsigned bits = unsigned(seen);
    told<Accumulator> answer{tile_state(unsigned(seen >> 32)), {}};
    memcpy(&answer.value, &bits, sizeof answer.value);
    return answer;
  }

 private:
  using word = unsigned long long;
  word* words_;
};

/// For values of up to 16 bytes: the value is stored first, then the state; a fence on either side
/// makes a reader that sees the state see the value.
template <class Accumulator>
class fenced_tile_states {
 public:
  static std::size_t zeroed_bytes(std::int64_t tiles) {
    return std::size_t(tiles) * sizeof(unsigned);
  }
  static std::size_t bytes(std::int64_t tiles) {
    return values_begin(tiles) + std::size_t(tiles) * 2 * sizeof(uint4);
  }

  fenced_tile_states(void* memory, std::int64_t tiles)
      : states_(static_cast<unsigned*>(memory)),
        values_(reinterpret_cast<uint4*>(static_cast<char*>(memory) + values_begin(tiles))) {}

  __device__ void tell(std::int64_t tile, tile_state state, const Accumulator& value) const {
    uint4 bits{};
    memcpy(&bits, &value, sizeof value);
    values_[slot(tile, state)] = bits;
    __threadfence();
    atomicExch(&states_[tile], unsigned(state));
  }
  __device__ told<Accumulator> ask(std::int64_t tile) const {
    told<Accumulator> answer{tile_state(*static_cast<const volatile unsigned*>(&states_[tile])),
                             {}};
    if (answer.state == tile_state::unknown) return answer;
    __threadfence();
    const uint4 bits = __ldcg(&values_[slot(tile, answer.state)]);  // not from L1
    memcpy(&answer.value, &bits, sizeof answer.value);
    return answer;
  }

 private:
  static std::size_t values_begin(std::int64_t tiles) {
    return (zeroed_bytes(tiles) + 15) / 16 * 16;
  }
  /// Sum and prefix have places of their own: a late reader of the sum must not meet the prefix.
  __device__ static std::int64_t slot(std::int64_t tile, tile_state state) {
    return 2 * tile + (state == tile_state::prefix);
  }

  unsigned* states_;
  uint4* values_;
};

template <class Accumulator>
using tile_states = std::conditional_t<sizeof(Accumulator) <= 4, packed_tile_states<Accumulator>,
                                       fenced_tile_states<Accumulator>>;

}  // namespace warpladder::scan::detail
