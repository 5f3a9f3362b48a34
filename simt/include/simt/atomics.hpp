// SPDX-License-Identifier: Apache-2.0
// CUDA atomics on the types for which CUDA has them; relaxed, like CUDA's.
#pragma once

#include <concepts>
#include <type_traits>

#include "simt/keywords.hpp"
#include "simt/trace_hooks.hpp"

namespace simt::detail {

template <class T, class... Allowed>
concept any_of = (std::same_as<T, Allowed> || ...);

template <class T>
concept atomic_integer = any_of<T, int, unsigned, unsigned long, unsigned long long>;
template <class T>
concept atomic_ordered = atomic_integer<T> || any_of<T, long, long long>;
template <class T>
concept atomic_addable = atomic_integer<T> || any_of<T, float, double>;
template <class T>
concept atomic_exchangeable = atomic_integer<T> || std::same_as<T, float>;
template <class T>
concept atomic_counter = std::same_as<T, unsigned>;
template <class T>
concept atomic_comparable = atomic_integer<T> || std::same_as<T, unsigned short>;

// Replaces *address by next(*address) in one indivisible step; returns the old value.
template <class T, class Next>
SIMT_UNTRACED T atomic_update(T* address, Next next) {
  T seen, wanted;
  __atomic_load(address, &seen, __ATOMIC_RELAXED);
  do {
    wanted = next(seen);
  } while (!__atomic_compare_exchange(address, &seen, &wanted, /*weak=*/true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
  return seen;
}

}  // namespace simt::detail

// One definition for the three scopes; the host has no cheaper ordering for a narrower one.
#define SIMT_ATOMIC(name, concept_name, body)                                  \
  namespace simt::detail {                                                     \
  template <concept_name T>                                                    \
  SIMT_UNTRACED T untraced_##name(T* address, T value) {                       \
    body                                                                       \
  }                                                                            \
  }                                                                            \
  template <simt::detail::concept_name T>                                      \
  __forceinline__ T name(T* address, std::type_identity_t<T> value) {          \
    simt::trace::note_atomic(address, sizeof(T));                              \
    return simt::detail::untraced_##name<T>(address, value);                   \
  }                                                                            \
  template <simt::detail::concept_name T>                                      \
  __forceinline__ T name##_block(T* address, std::type_identity_t<T> value) {  \
    return name(address, value);                                               \
  }                                                                            \
  template <simt::detail::concept_name T>                                      \
  __forceinline__ T name##_system(T* address, std::type_identity_t<T> value) { \
    return name(address, value);                                               \
  }

SIMT_ATOMIC(atomicAdd, atomic_addable, {
  if constexpr (std::is_integral_v<T>) {
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
  } else {
    return simt::detail::atomic_update(address, [=](T old) { return old + value; });
  }
})
SIMT_ATOMIC(atomicSub, atomic_integer,
            { return __atomic_fetch_sub(address, value, __ATOMIC_RELAXED); })
SIMT_ATOMIC(atomicExch, atomic_exchangeable, {
  T old;
  __atomic_exchange(address, &value, &old, __ATOMIC_RELAXED);
  return old;
})
SIMT_ATOMIC(atomicMin, atomic_ordered, {
  return simt::detail::atomic_update(address, [=](T old) { return value < old ? value : old; });
})
SIMT_ATOMIC(atomicMax, atomic_ordered, {
  return simt::detail::atomic_update(address, [=](T old) { return value > old ? value : old; });
})
SIMT_ATOMIC(atomicAnd, atomic_integer,
            { return __atomic_fetch_and(address, value, __ATOMIC_RELAXED); })
SIMT_ATOMIC(atomicOr, atomic_integer,
            { return __atomic_fetch_or(address, value, __ATOMIC_RELAXED); })
SIMT_ATOMIC(atomicXor, atomic_integer,
            { return __atomic_fetch_xor(address, value, __ATOMIC_RELAXED); })
SIMT_ATOMIC(atomicInc, atomic_counter, {
  return simt::detail::atomic_update(address, [=](T old) { return old >= value ? 0u : old + 1; });
})
SIMT_ATOMIC(atomicDec, atomic_counter, {
  return simt::detail::atomic_update(
      address, [=](T old) { return old == 0 || old > value ? value : old - 1; });
})
#undef SIMT_ATOMIC

namespace simt::detail {
template <class T>
SIMT_UNTRACED T untraced_compare_and_swap(T* address, T expected, T wanted) {
  __atomic_compare_exchange_n(address, &expected, wanted, /*weak=*/false, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
  return expected;
}
}  // namespace simt::detail

template <simt::detail::atomic_comparable T>
__forceinline__ T atomicCAS(T* address, std::type_identity_t<T> expected,
                            std::type_identity_t<T> wanted) {
  simt::trace::note_atomic(address, sizeof(T));
  return simt::detail::untraced_compare_and_swap<T>(address, expected, wanted);
}
template <simt::detail::atomic_comparable T>
__forceinline__ T atomicCAS_block(T* address, std::type_identity_t<T> expected,
                                  std::type_identity_t<T> wanted) {
  return atomicCAS(address, expected, wanted);
}
template <simt::detail::atomic_comparable T>
__forceinline__ T atomicCAS_system(T* address, std::type_identity_t<T> expected,
                                   std::type_identity_t<T> wanted) {
  return atomicCAS(address, expected, wanted);
}
