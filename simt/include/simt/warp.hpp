// SPDX-License-Identifier: Apache-2.0
// Warp shuffles, votes, matches and reductions, all built on one mechanism: simt::collective.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>

#include "simt/context.hpp"
#include "simt/site.hpp"

namespace simt {

namespace detail {

struct warp_rendezvous;  // one collective in progress; lives in the compiled part

// Registers the calling lane. Returns the rendezvous and its slots to the LAST lane of `mask` that
// arrives; every other lane sleeps until that one has called finish_collective, and gets null.
warp_rendezvous* join_collective(unsigned mask, void* slot, const void* kind, site where,
                                 void*** slots, unsigned* present);
void finish_collective(warp_rendezvous* rendezvous);

// The address tells collectives of different type apart, so that lanes of one mask that meet at
// two different operations on the same source line are still caught.
template <class Slot, class Function>
inline constexpr char collective_kind = 0;

template <class Function>
void for_each_lane(unsigned mask, Function&& function) {
  for (; mask != 0; mask &= mask - 1) function(std::countr_zero(mask));
}

}  // namespace detail

// Runs `function(Slot** slots, unsigned present)` once for all lanes of `mask`, on the lane that
// arrives last; slots[i] is lane i's `slot`. `present` is `mask` without lanes that the block never
// had (a last, partial warp). Returns on every lane after the function has run.
// This is how a new warp-wide intrinsic (ldmatrix, mma, ...) is written.
template <class Slot, class Function>
void collective(unsigned mask, Slot& slot, Function&& function, site where = site::current()) {
  void** slots = nullptr;
  unsigned present = 0;
  if (auto* last = detail::join_collective(
          mask, &slot, &detail::collective_kind<Slot, std::remove_cvref_t<Function>>, where, &slots,
          &present)) {
    function(reinterpret_cast<Slot**>(slots), present);
    detail::finish_collective(last);
  }
}

namespace detail {

template <class T>
struct shuffle_slot {
  T given;
  T received;
  int source;
};

// Reading from a lane outside the mask is undefined on a GPU. Here it yields all-ones bytes (NaN
// for floating point), so that a result which depends on it is wrong everywhere.
template <class T>
T shuffle(unsigned mask, const T& value, int source, site where) {
  static_assert(std::is_trivially_copyable_v<T>);
  shuffle_slot<T> slot{value, value, source};
  collective(
      mask, slot,
      [](shuffle_slot<T>** lanes, unsigned present) {
        for_each_lane(present, [&](int lane) {
          const int from = lanes[lane]->source;
          if ((present >> from) & 1u) {
            lanes[lane]->received = lanes[from]->given;
          } else {
            std::memset(static_cast<void*>(&lanes[lane]->received), 0xFF, sizeof(T));
          }
        });
      },
      where);
  return slot.received;
}

struct width_segment {
  int lane, first, width;
  explicit width_segment(int w)
      : lane(static_cast<int>(current_thread->lane())), first(lane & ~(w - 1)), width(w) {}
};

template <class T>
T shuffle_index(unsigned mask, const T& value, int source, int width, site where) {
  const width_segment s(width);
  return shuffle(mask, value, s.first + (source & (width - 1)), where);
}
template <class T>
T shuffle_up(unsigned mask, const T& value, unsigned delta, int width, site where) {
  const width_segment s(width);
  const int source = s.lane - static_cast<int>(delta);
  return shuffle(mask, value, source >= s.first ? source : s.lane, where);
}
template <class T>
T shuffle_down(unsigned mask, const T& value, unsigned delta, int width, site where) {
  const width_segment s(width);
  const int source = s.lane + static_cast<int>(delta);
  return shuffle(mask, value, source < s.first + width ? source : s.lane, where);
}
template <class T>
T shuffle_xor(unsigned mask, const T& value, int lane_mask, int width, site where) {
  const width_segment s(width);
  const int source = s.lane ^ lane_mask;
  return shuffle(mask, value, source < s.first + width ? source : s.lane, where);
}

template <class T>
concept shuffled = std::is_arithmetic_v<T> && sizeof(T) >= 4 && sizeof(T) <= 8;

// Gives every lane `combine` of all lanes' values, taken in lane order.
template <class T, class Combine>
T warp_reduce(unsigned mask, T value, Combine combine, site where) {
  struct slot_type {
    T value;
    Combine combine;
  } slot{value, combine};
  collective(
      mask, slot,
      [](slot_type** lanes, unsigned present) {
        const unsigned first = static_cast<unsigned>(std::countr_zero(present));
        T total = lanes[first]->value;
        for_each_lane(present & (present - 1),
                      [&](int lane) { total = lanes[first]->combine(total, lanes[lane]->value); });
        for_each_lane(present, [&](int lane) { lanes[lane]->value = total; });
      },
      where);
  return slot.value;
}

inline unsigned ballot(unsigned mask, int predicate, site where) {
  struct slot_type {
    int predicate;
    unsigned votes, present;
  } slot{predicate, 0, 0};
  collective(
      mask, slot,
      [](slot_type** lanes, unsigned present) {
        unsigned votes = 0;
        for_each_lane(present, [&](int lane) {
          if (lanes[lane]->predicate != 0) votes |= 1u << lane;
        });
        for_each_lane(present, [&](int lane) { lanes[lane]->votes = votes; });
      },
      where);
  return slot.votes;
}

template <class T>
unsigned match_any(unsigned mask, T value, site where) {
  struct slot_type {
    T value;
    unsigned peers;
  } slot{value, 0};
  collective(
      mask, slot,
      [](slot_type** lanes, unsigned present) {
        for_each_lane(present, [&](int lane) {
          for_each_lane(present, [&](int other) {
            if (std::memcmp(&lanes[lane]->value, &lanes[other]->value, sizeof(T)) == 0) {
              lanes[lane]->peers |= 1u << other;
            }
          });
        });
      },
      where);
  return slot.peers;
}

}  // namespace detail
}  // namespace simt

inline void __syncwarp(unsigned mask = 0xffffffffu, simt::site where = simt::site::current()) {
  char nothing = 0;
  simt::collective(
      mask, nothing, [](char**, unsigned) {}, where);
}

template <simt::detail::shuffled T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              simt::site where = simt::site::current()) {
  return simt::detail::shuffle_index(mask, value, source, width, where);
}
template <simt::detail::shuffled T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 simt::site where = simt::site::current()) {
  return simt::detail::shuffle_up(mask, value, delta, width, where);
}
template <simt::detail::shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   simt::site where = simt::site::current()) {
  return simt::detail::shuffle_down(mask, value, delta, width, where);
}
template <simt::detail::shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  simt::site where = simt::site::current()) {
  return simt::detail::shuffle_xor(mask, value, lane_mask, width, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              simt::site where = simt::site::current()) {
  return simt::detail::ballot(mask, predicate, where);
}
inline int __any_sync(unsigned mask, int predicate, simt::site where = simt::site::current()) {
  return simt::detail::ballot(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, simt::site where = simt::site::current()) {
  // "Nobody says no" also holds for the lanes that a partial warp does not have.
  return simt::detail::ballot(mask, predicate == 0, where) == 0;
}

template <simt::detail::shuffled T>
unsigned __match_any_sync(unsigned mask, T value, simt::site where = simt::site::current()) {
  return simt::detail::match_any(mask, value, where);
}
template <simt::detail::shuffled T>
unsigned __match_all_sync(unsigned mask, T value, int* all_equal,
                          simt::site where = simt::site::current()) {
  struct slot_type {
    T value;
    unsigned agreeing;
  } slot{value, 0};
  simt::collective(
      mask, slot,
      [](slot_type** lanes, unsigned present) {
        const int first = std::countr_zero(present);
        bool equal = true;
        simt::detail::for_each_lane(present, [&](int lane) {
          equal &= std::memcmp(&lanes[first]->value, &lanes[lane]->value, sizeof(T)) == 0;
        });
        simt::detail::for_each_lane(
            present, [&](int lane) { lanes[lane]->agreeing = equal ? present : 0u; });
      },
      where);
  *all_equal = slot.agreeing != 0;
  return slot.agreeing;
}

#define SIMT_REDUCE_SYNC(name, type, expression)                                 \
  inline type __reduce_##name##_sync(unsigned mask, type value,                  \
                                     simt::site where = simt::site::current()) { \
    return simt::detail::warp_reduce(                                            \
        mask, value, [](type a, type b) { return expression; }, where);          \
  }
SIMT_REDUCE_SYNC(add, unsigned, a + b)
SIMT_REDUCE_SYNC(min, unsigned, a < b ? a : b)
SIMT_REDUCE_SYNC(max, unsigned, a > b ? a : b)
SIMT_REDUCE_SYNC(add, int, static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)))
SIMT_REDUCE_SYNC(min, int, a < b ? a : b)
SIMT_REDUCE_SYNC(max, int, a > b ? a : b)
SIMT_REDUCE_SYNC(and, unsigned, a& b)
SIMT_REDUCE_SYNC(or, unsigned, a | b)
SIMT_REDUCE_SYNC(xor, unsigned, a ^ b)
#undef SIMT_REDUCE_SYNC

// Which lanes happen to be active is a property of one GPU's scheduler: code that asks for it is
// not portable between GPUs either. `= delete` alone would not say so, hence the name of the type.
struct use_an_explicit_mask_instead_of_activemask {};
use_an_explicit_mask_instead_of_activemask __activemask() = delete;
