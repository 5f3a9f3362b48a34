// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

// How blocks tell each other through device memory that something is done. The scope of all is the
// device; words are unsigned or unsigned long long. PTX ISA, "Memory Consistency Model".
//
//   release: all that this thread did, and saw done by those whom it met at a barrier, happens
//            before the store.
//   acquire: whoever reads what a release stored, sees all that happened before it.
//   relaxed: the access is whole and goes to L2; nothing is said of other addresses.
//
// Waiting until earlier writes are done is the price of a release, forgetting the lines of L1 that
// of an acquire: docs/grid_sync.md has both in nanoseconds.

namespace warpladder {
namespace detail {

template <class Word>
constexpr bool is_flag_word =
    std::is_same_v<Word, unsigned> || std::is_same_v<Word, unsigned long long>;

}  // namespace detail

template <class Word>
__device__ __forceinline__ Word load_relaxed(const Word* address) {
  static_assert(detail::is_flag_word<Word>);
#ifdef WARPLADDER_HOST_EXECUTOR
  return __atomic_load_n(address, __ATOMIC_RELAXED);
#else
  Word value;
  if constexpr (sizeof(Word) == 4) {
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  } else {
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(address) : "memory");
  }
  return value;
#endif
}

template <class Word>
__device__ __forceinline__ Word load_acquire(const Word* address) {
  static_assert(detail::is_flag_word<Word>);
#ifdef WARPLADDER_HOST_EXECUTOR
  return __atomic_load_n(address, __ATOMIC_ACQUIRE);
#else
  Word value;
  if constexpr (sizeof(Word) == 4) {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  } else {
    asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(address) : "memory");
  }
  return value;
#endif
}

template <class Word>
__device__ __forceinline__ void store_relaxed(Word* address, std::type_identity_t<Word> value) {
  static_assert(detail::is_flag_word<Word>);
#ifdef WARPLADDER_HOST_EXECUTOR
  __atomic_store_n(address, value, __ATOMIC_RELAXED);
#else
  if constexpr (sizeof(Word) == 4) {
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
  } else {
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory");
  }
#endif
}

template <class Word>
__device__ __forceinline__ void store_release(Word* address, std::type_identity_t<Word> value) {
  static_assert(detail::is_flag_word<Word>);
#ifdef WARPLADDER_HOST_EXECUTOR
  __atomic_store_n(address, value, __ATOMIC_RELEASE);
#else
  if constexpr (sizeof(Word) == 4) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
  } else {
    asm volatile("st.release.gpu.global.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory");
  }
#endif
}

/// *address += value, with release. Returns nothing, so that nobody waits for an answer.
__device__ __forceinline__ void add_release(unsigned* address, unsigned value) {
#ifdef WARPLADDER_HOST_EXECUTOR
  __atomic_fetch_add(address, value, __ATOMIC_RELEASE);
#else
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
#endif
}

/// *address += value, with both; returns the value before.
__device__ __forceinline__ unsigned fetch_add_acquire_release(unsigned* address, unsigned value) {
#ifdef WARPLADDER_HOST_EXECUTOR
  return __atomic_fetch_add(address, value, __ATOMIC_ACQ_REL);
#else
  unsigned before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(address), "r"(value)
               : "memory");
  return before;
#endif
}

/// After relaxed loads: makes them acquire. A loop that polls relaxed and fences once at its end
/// forgets L1 once, and not at every turn.
__device__ __forceinline__ void fence_acquire() {
#ifdef WARPLADDER_HOST_EXECUTOR
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
#elif __CUDA_ARCH__ >= 900 && \
    (__CUDACC_VER_MAJOR__ > 12 || (__CUDACC_VER_MAJOR__ == 12 && __CUDACC_VER_MINOR__ >= 8))
  asm volatile("fence.acquire.gpu;" ::: "memory");
#else
  asm volatile("fence.acq_rel.gpu;" ::: "memory");  // the half alone came later
#endif
}

}  // namespace warpladder
