// SPDX-License-Identifier: Apache-2.0
// Stacks and the switch between them. Knows nothing of CUDA.
#pragma once

#include <cstddef>
#include <vector>

#include "sanitizer.hpp"

#if !defined(SIMT_USE_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define SIMT_USE_UCONTEXT 1
#endif
#ifdef SIMT_USE_UCONTEXT
#include <ucontext.h>
#endif

namespace simt {

// A suspended flow of control.
class execution_context {
 public:
  // The next switch to this context calls `entry`, which must not return, on the given stack.
  void prepare(char* stack_bottom, std::size_t stack_bytes, void (*entry)());

  // Suspends the caller in `from` and resumes `to`.
  static void switch_stacks(execution_context& from, execution_context& to);

 private:
#ifdef SIMT_USE_UCONTEXT
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;
#endif
};

// The stacks of one OS thread's CUDA threads. Address space is reserved once and kept; memory is
// used for pages that were touched.
class stack_pool {
 public:
  explicit stack_pool(std::size_t stack_bytes);
  ~stack_pool();
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  void reserve(unsigned count);
  char* bottom(unsigned index) const { return bottoms_[index]; }
  std::size_t stack_bytes() const { return stack_bytes_; }

 private:
  struct mapping {
    void* address;
    std::size_t bytes;
    unsigned guards;
  };
  std::size_t stack_bytes_;
  std::vector<char*> bottoms_;
  std::vector<mapping> mappings_;
};

}  // namespace simt
