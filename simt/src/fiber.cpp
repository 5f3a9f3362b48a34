// SPDX-License-Identifier: Apache-2.0
#include "fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>

// Why a hand-written switch. CPU time of one __syncthreads per thread, blocks of 32 to 1024, three
// runs each of benchmarks/simt_executor.cpp with g++ 12 -O2 on an AMD EPYC VM:
//   this switch                                         7.5 to 8.1 ns
//   the same, ending in `pop rdx; jmp rdx`              15 to 21 ns
//   ucontext (a system call for the signal mask)        190 to 215 ns
// Boost.Context was not installed there and has not been measured with this executor. The first
// line meets the need without a dependency; ucontext stands in for other architectures. The aarch64
// code below has been neither assembled nor run yet.
//
// Why `ret` wins: the threads of a block mostly wait at the same depth of the same calls, so the
// return predictor is right although the stack is another one.
//
// Only callee-saved registers are kept, as for any function call. The floating-point control words
// are not: kernels have no business changing them.
#ifndef SIMT_USE_UCONTEXT
extern "C" void simt_switch_stack(void** save_stack_pointer, void* load_stack_pointer);

#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, @function
simt_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch_stack, .-simt_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, %function
simt_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size simt_switch_stack, .-simt_switch_stack
)");
#endif
#endif  // SIMT_USE_UCONTEXT

namespace simt {

#ifdef SIMT_USE_UCONTEXT

void execution_context::prepare(char* stack_bottom, std::size_t stack_bytes, void (*entry)()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_bottom;
  context_.uc_stack.ss_size = stack_bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
}

void execution_context::switch_stacks(execution_context& from, execution_context& to) {
  swapcontext(&from.context_, &to.context_);
}

#else

void execution_context::prepare(char* stack_bottom, std::size_t stack_bytes, void (*entry)()) {
  auto** top = reinterpret_cast<void**>(
      (reinterpret_cast<std::uintptr_t>(stack_bottom) + stack_bytes) & ~std::uintptr_t{63});
#if defined(__x86_64__)
  // Six registers, the entry, and a null return address where stack walks end.
  top -= 8;
  for (int i = 0; i < 6; ++i) top[i] = nullptr;
  top[6] = reinterpret_cast<void*>(entry);
  top[7] = nullptr;
#elif defined(__aarch64__)
  top -= 20;
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[11] = reinterpret_cast<void*>(entry);  // x30, to which the switch branches
#endif
  stack_pointer_ = top;
}

void execution_context::switch_stacks(execution_context& from, execution_context& to) {
  simt_switch_stack(&from.stack_pointer_, to.stack_pointer_);
}

#endif  // SIMT_USE_UCONTEXT

namespace {

// Every guard page splits a mapping, and Linux allows a process about 65000 of them. Past this many
// guards new stacks go without: 64 resident blocks of 1024 threads must still be possible.
constexpr int guard_budget = 16384;
std::atomic<int> guards_in_use{0};

std::size_t page_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

stack_pool::stack_pool(std::size_t stack_bytes)
    : stack_bytes_((stack_bytes + page_bytes() - 1) / page_bytes() * page_bytes()) {}

stack_pool::~stack_pool() {
  for (const mapping& m : mappings_) {
    // Marks outlive the mapping: whatever is mapped here next, another pool's stacks or an OS
    // thread's, would trip over them.
    sanitizer::unpoison(m.address, m.bytes);
    munmap(m.address, m.bytes);
    guards_in_use -= static_cast<int>(m.guards);
  }
}

void stack_pool::reserve(unsigned count) {
  if (count <= bottoms_.size()) return;
  const auto missing = count - static_cast<unsigned>(bottoms_.size());
  // The guard page also makes the distance of two stacks an odd number of pages, which spreads
  // their tops over the cache sets; equal distances of 64 KiB would map them all to the same ones.
  const std::size_t stride = stack_bytes_ + page_bytes();
  const std::size_t bytes = stride * missing;
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  mapping made{address, bytes, 0};
  for (unsigned i = 0; i < missing; ++i) {
    char* guard = static_cast<char*>(address) + i * stride;
    if (guards_in_use.fetch_add(1) < guard_budget &&
        mprotect(guard, page_bytes(), PROT_NONE) == 0) {
      ++made.guards;
    } else {
      --guards_in_use;
    }
    bottoms_.push_back(guard + page_bytes());
  }
  mappings_.push_back(made);
}

}  // namespace simt
