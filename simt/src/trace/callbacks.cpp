// SPDX-License-Identifier: Apache-2.0
// The functions that g++ -fsanitize=thread -fsanitize=bounds calls from instrumented code. Defined
// here, with meanings of our own, instead of linking the sanitizers' run-time libraries; the Linux
// kernel's KCSAN uses the same compiler pass in the same way. This file is not instrumented.
#include "callbacks.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SITE __builtin_return_address(0)

using simt::trace::touch;
using simt::trace::touch_atomic;
using simt::trace::touch_atomic_done;
using simt::trace::touch_volatile;

extern "C" {

#define ACCESS(bytes)                                    \
  void __tsan_read##bytes(void* p) {                     \
    touch(p, bytes, false, SITE);                        \
  }                                                      \
  void __tsan_write##bytes(void* p) {                    \
    touch(p, bytes, true, SITE);                         \
  }                                                      \
  void __tsan_unaligned_read##bytes(void* p) {           \
    touch(p, bytes, false, SITE);                        \
  }                                                      \
  void __tsan_unaligned_write##bytes(void* p) {          \
    touch(p, bytes, true, SITE);                         \
  }                                                      \
  void __tsan_volatile_read##bytes(void* p) {            \
    touch_volatile(p, bytes, false, SITE);               \
  }                                                      \
  void __tsan_volatile_write##bytes(void* p) {           \
    touch_volatile(p, bytes, true, SITE);                \
  }                                                      \
  void __tsan_unaligned_volatile_read##bytes(void* p) {  \
    touch_volatile(p, bytes, false, SITE);               \
  }                                                      \
  void __tsan_unaligned_volatile_write##bytes(void* p) { \
    touch_volatile(p, bytes, true, SITE);                \
  }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
#undef ACCESS

void __tsan_read_range(void* p, std::size_t bytes) {
  touch(p, unsigned(bytes), false, SITE);
}
void __tsan_write_range(void* p, std::size_t bytes) {
  touch(p, unsigned(bytes), true, SITE);
}

void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  touch(from, unsigned(bytes), false, SITE);
  touch(to, unsigned(bytes), true, SITE);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  touch(from, unsigned(bytes), false, SITE);
  touch(to, unsigned(bytes), true, SITE);
  return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
  touch(to, unsigned(bytes), true, SITE);
  return std::memset(to, value, bytes);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

void __tsan_atomic_thread_fence(int) {
  simt::trace::touch_fence();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}

#define UPDATE(bits, T, name, builtin)                                   \
  T __tsan_atomic##bits##_##name(volatile T* p, T value, int order) {    \
    touch_atomic(const_cast<T*>(p), sizeof(T), true, true, order, SITE); \
    const T old = builtin(p, value, __ATOMIC_SEQ_CST);                   \
    touch_atomic_done(const_cast<T*>(p), order);                         \
    return old;                                                          \
  }
#define COMPARE(bits, T, name, is_weak)                                                           \
  int __tsan_atomic##bits##_compare_exchange_##name(volatile T* p, T* expected, T wanted,         \
                                                    int order, int) {                             \
    touch_atomic(const_cast<T*>(p), sizeof(T), true, true, order, SITE);                          \
    const bool done = __atomic_compare_exchange_n(p, expected, wanted, is_weak, __ATOMIC_SEQ_CST, \
                                                  __ATOMIC_SEQ_CST);                              \
    touch_atomic_done(const_cast<T*>(p), order);                                                  \
    return done;                                                                                  \
  }
#define ATOMICS(bits, T)                                                                          \
  T __tsan_atomic##bits##_load(const volatile T* p, int order) {                                  \
    touch_atomic(const_cast<const T*>(p), sizeof(T), true, false, order, SITE);                   \
    const T seen = __atomic_load_n(p, __ATOMIC_SEQ_CST);                                          \
    touch_atomic_done(const_cast<const T*>(p), order);                                            \
    return seen;                                                                                  \
  }                                                                                               \
  void __tsan_atomic##bits##_store(volatile T* p, T value, int order) {                           \
    touch_atomic(const_cast<T*>(p), sizeof(T), false, true, order, SITE);                         \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                               \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T wanted, int order,    \
                                               int) {                                             \
    touch_atomic(const_cast<T*>(p), sizeof(T), true, true, order, SITE);                          \
    __atomic_compare_exchange_n(p, &expected, wanted, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    touch_atomic_done(const_cast<T*>(p), order);                                                  \
    return expected;                                                                              \
  }                                                                                               \
  COMPARE(bits, T, strong, false)                                                                 \
  COMPARE(bits, T, weak, true)                                                                    \
  UPDATE(bits, T, exchange, __atomic_exchange_n)                                                  \
  UPDATE(bits, T, fetch_add, __atomic_fetch_add)                                                  \
  UPDATE(bits, T, fetch_sub, __atomic_fetch_sub)                                                  \
  UPDATE(bits, T, fetch_and, __atomic_fetch_and)                                                  \
  UPDATE(bits, T, fetch_or, __atomic_fetch_or)                                                    \
  UPDATE(bits, T, fetch_xor, __atomic_fetch_xor)                                                  \
  UPDATE(bits, T, fetch_nand, __atomic_fetch_nand)
ATOMICS(8, std::uint8_t)
ATOMICS(16, std::uint16_t)
ATOMICS(32, std::uint32_t)
ATOMICS(64, std::uint64_t)
#undef ATOMICS
#undef COMPARE
#undef UPDATE

// What g++ passes to the handler of -fsanitize=bounds, as libubsan's ubsan_handlers.h lays it out.
struct bounds_check {
  const char* file;
  std::uint32_t line, column;
  struct type_descriptor {
    std::uint16_t kind, info;
    char name[1];
  } const *array, *index;
};

void __ubsan_handle_out_of_bounds(bounds_check* check, std::uintptr_t index) {
  simt::trace::index_out_of_bounds(check->file, check->line, index, check->array->name);
}
void __ubsan_handle_out_of_bounds_abort(bounds_check* check, std::uintptr_t index) {
  simt::trace::index_out_of_bounds(check->file, check->line, index, check->array->name);
}
}
