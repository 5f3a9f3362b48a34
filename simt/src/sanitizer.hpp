// SPDX-License-Identifier: Apache-2.0
// AddressSanitizer must be told of every stack switch; without it these calls are nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#ifndef SIMT_ASAN
#define SIMT_ASAN 0
#endif

#if SIMT_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SIMT_NO_ASAN __attribute__((no_sanitize_address))
#else
#define SIMT_NO_ASAN
#endif

namespace simt::sanitizer {

struct stack_bounds {
  const void* bottom = nullptr;
  std::size_t size = 0;
};

inline stack_bounds this_thread_stack() {
  stack_bounds bounds;
#if SIMT_ASAN
  pthread_attr_t attributes;
  void* bottom = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &bounds.size);
    pthread_attr_destroy(&attributes);
  }
  bounds.bottom = bottom;
#endif
  return bounds;
}

// `fake_stack` null says that the stack that is left is never used again.
inline void leave_stack([[maybe_unused]] void** fake_stack, [[maybe_unused]] stack_bounds target) {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(fake_stack, target.bottom, target.size);
#endif
}
inline void enter_stack([[maybe_unused]] void* fake_stack) {
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

inline void unpoison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(address, bytes);
#endif
}
inline void poison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#if SIMT_ASAN
  __asan_poison_memory_region(address, bytes);
#endif
}

}  // namespace simt::sanitizer
