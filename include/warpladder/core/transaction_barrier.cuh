// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/simt.hpp>
#endif

// The mbarrier of compute capability 9.0, as far as the copy engine needs it: it counts the bytes
// of copies that run behind everybody's back. PTX ISA, "Parallel Synchronization and Communication
// Instructions: mbarrier". Device instruction and host meaning stand side by side. Compiles for
// older devices, but traps there.

// On the host these functions are the hardware: traced mode must not take what they touch for the
// kernel's accesses. They are not __forceinline__, as the compiler leaves out whole functions only.
#ifdef WARPLADDER_HOST_EXECUTOR
#define WARPLADDER_ENGINE SIMT_UNTRACED inline
#else
#define WARPLADDER_ENGINE __device__ __forceinline__
#endif

namespace warpladder {

/// A barrier in shared memory that completes a phase when its one arrival has come and all bytes
/// announced by it have landed. Phases have parity 0, 1, 0, ... Initialise it in one thread;
/// __syncthreads() before others use it.
class transaction_barrier {
 public:
  WARPLADDER_ENGINE void init();
  /// The arrival of the current phase, announcing `bytes` of copies.
  WARPLADDER_ENGINE void arrive_and_expect(unsigned bytes);
  /// Returns when the phase of this parity is complete; what its copies wrote is then visible.
  WARPLADDER_ENGINE void wait(unsigned parity);

#ifdef WARPLADDER_HOST_EXECUTOR
  /// A copy that was asked for and not yet made; make(copy) moves its bytes.
  struct pending_copy {
    void (*make)(const pending_copy&);
    void* to;
    const void* from;
    unsigned bytes;
    int row, col;
  };
  WARPLADDER_ENGINE void add_pending(const pending_copy& copy);

 private:
  WARPLADDER_ENGINE void complete_phase_if_due();

  static constexpr int max_pending = 8;
  pending_copy copies_[max_pending];
  int pending_;
  unsigned bytes_expected_, parity_;
  bool arrived_;
#else
  __device__ __forceinline__ unsigned address() const {
    return static_cast<unsigned>(__cvta_generic_to_shared(&state_));
  }

 private:
  std::uint64_t state_;
#endif
};

#ifdef WARPLADDER_HOST_EXECUTOR

// The host copies when somebody waits for the phase, the latest moment that is legal: a missing
// wait reads old data. The notes tell traced mode what a GPU would do instead.

WARPLADDER_ENGINE void transaction_barrier::init() {
  pending_ = 0;
  bytes_expected_ = parity_ = 0;
  arrived_ = false;
}

WARPLADDER_ENGINE void transaction_barrier::arrive_and_expect(unsigned bytes) {
  if (arrived_) complete_phase_if_due();
  if (arrived_) __trap();  // a second arrival while copies of the phase are still missing
  arrived_ = true;
  bytes_expected_ = bytes;
  simt::trace::note_release(this);
}

WARPLADDER_ENGINE void transaction_barrier::add_pending(const pending_copy& copy) {
  if (pending_ == max_pending) __trap();
  copies_[pending_++] = copy;
}

WARPLADDER_ENGINE void transaction_barrier::complete_phase_if_due() {
  unsigned bytes = 0;
  for (int i = 0; i < pending_; ++i) bytes += copies_[i].bytes;
  if (!arrived_ || bytes != bytes_expected_) return;
  for (int i = 0; i < pending_; ++i) {
    copies_[i].make(copies_[i]);
    simt::trace::note_landed(copies_[i].to, copies_[i].bytes);
  }
  simt::trace::note_release(this);
  pending_ = 0;
  arrived_ = false;
  parity_ ^= 1;
}

WARPLADDER_ENGINE void transaction_barrier::wait(unsigned parity) {
  for (int spins = 0;; ++spins) {
    if (parity_ == parity) complete_phase_if_due();
    if (parity_ != parity) return simt::trace::note_acquire(this);
    if (spins == 1'000'000) __trap();  // nobody will ever complete this phase
    __nanosleep(32);
  }
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

WARPLADDER_ENGINE void transaction_barrier::init() {
  asm volatile(
      "mbarrier.init.shared::cta.b64 [%0], 1;\n"
      "fence.proxy.async.shared::cta;"  // the copy engine must see it initialised
      ::"r"(address())
      : "memory");
}

WARPLADDER_ENGINE void transaction_barrier::arrive_and_expect(unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address()), "r"(bytes)
               : "memory");
}

WARPLADDER_ENGINE void transaction_barrier::wait(unsigned parity) {
  unsigned done;
  do {
    asm volatile(
        "{ .reg .pred complete;\n"
        "  mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
        "  selp.u32 %0, 1, 0, complete; }"
        : "=r"(done)
        : "r"(address()), "r"(parity)
        : "memory");
  } while (done == 0);
}

#else

WARPLADDER_ENGINE void transaction_barrier::init() {
  __trap();
}
WARPLADDER_ENGINE void transaction_barrier::arrive_and_expect(unsigned) {
  __trap();
}
WARPLADDER_ENGINE void transaction_barrier::wait(unsigned) {
  __trap();
}

#endif

}  // namespace warpladder
