// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/cluster.hpp>
#include <simt/simt.hpp>
#endif

// The mbarrier of compute capability 9.0, as far as the copy engine and the threads that feed and
// empty a ring of buffers need it: it counts arrivals, and the bytes of copies that run behind
// everybody's back. PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier".
// Device instruction and host meaning stand side by side. Compiles for older devices, but traps
// there.

// On the host these functions are the hardware: traced mode must not take what they touch for the
// kernel's accesses. They are not __forceinline__, as the compiler leaves out whole functions only.
#ifdef WARPLADDER_HOST_EXECUTOR
#define WARPLADDER_ENGINE SIMT_UNTRACED inline
#else
#define WARPLADDER_ENGINE __device__ __forceinline__
#endif

namespace warpladder {

/// A barrier in shared memory that completes a phase when all its arrivals have come and all bytes
/// announced by them have landed. Phases have parity 0, 1, 0, ... Initialise it in one thread;
/// __syncthreads() (or a cluster's barrier, if its other blocks arrive) before others use it.
class transaction_barrier {
 public:
  /// Each phase needs so many arrivals.
  WARPLADDER_ENGINE void init(unsigned arrivals = 1);
  /// An arrival, which announces that all the caller did is done.
  WARPLADDER_ENGINE void arrive();
  /// An arrival at the same barrier in the shared memory of block `rank` of the cluster. It tells
  /// that the caller has read what it wanted; what it wrote is not published there, which would
  /// cost a fence of hundreds of clocks.
  WARPLADDER_ENGINE void arrive_at(unsigned rank);
  /// An arrival that announces `bytes` of copies.
  WARPLADDER_ENGINE void arrive_and_expect(unsigned bytes);
  /// Returns when the phase of this parity is complete; what its copies wrote and what its arrivals
  /// announced is then visible. A new barrier counts as having completed a phase of parity 1.
  WARPLADDER_ENGINE void wait(unsigned parity);

#ifdef WARPLADDER_HOST_EXECUTOR
  /// A copy that was asked for and not yet made; make(copy) moves its bytes. The barrier holds
  /// them: it is larger than the 8 bytes of a GPU, and shared memory has room for few kilobytes.
  struct pending_copy {
    void (*make)(const pending_copy&);
    void* to;
    const void* from;
    unsigned bytes;
    int row, col, matrix;
  };
  WARPLADDER_ENGINE void add_pending(const pending_copy& copy);
  /// The same barrier in the shared memory of another block of the cluster.
  transaction_barrier& of_block(unsigned rank) {
    return *static_cast<transaction_barrier*>(
        simt::detail::map_shared(this, rank, simt::site::current()));
  }

 private:
  class lock;  // blocks of a cluster run on different threads
  WARPLADDER_ENGINE void take_arrival(unsigned bytes);
  WARPLADDER_ENGINE void complete_phase_if_due();

  static constexpr int max_pending = 8;
  pending_copy copies_[max_pending];
  int pending_;
  unsigned arrivals_, arrivals_missing_, bytes_expected_, parity_, locked_;
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

class transaction_barrier::lock {  // builtins: the functions of std::atomic_ref would be traced
 public:
  WARPLADDER_ENGINE explicit lock(unsigned& word) : word_(word) {
    while (const unsigned before = __atomic_exchange_n(&word_, 1u, __ATOMIC_ACQUIRE)) {
      if (before != 1) __trap();  // poison: nobody has initialised the barrier
    }
  }
  WARPLADDER_ENGINE ~lock() { __atomic_store_n(&word_, 0u, __ATOMIC_RELEASE); }

 private:
  unsigned& word_;
};

WARPLADDER_ENGINE void transaction_barrier::init(unsigned arrivals) {
  pending_ = 0;
  bytes_expected_ = parity_ = locked_ = 0;
  arrivals_ = arrivals_missing_ = arrivals;
}

WARPLADDER_ENGINE void transaction_barrier::take_arrival(unsigned bytes) {
  simt::trace::note_release(this);
  const lock held(locked_);
  if (arrivals_missing_ == 0) complete_phase_if_due();
  if (arrivals_missing_ == 0) __trap();  // one arrival more, while copies of the phase are missing
  --arrivals_missing_;
  bytes_expected_ += bytes;
}

WARPLADDER_ENGINE void transaction_barrier::arrive() {
  take_arrival(0);
}

WARPLADDER_ENGINE void transaction_barrier::arrive_at(unsigned rank) {
  of_block(rank).take_arrival(0);
}

WARPLADDER_ENGINE void transaction_barrier::arrive_and_expect(unsigned bytes) {
  take_arrival(bytes);
}

WARPLADDER_ENGINE void transaction_barrier::add_pending(const pending_copy& copy) {
  const lock held(locked_);
  if (pending_ == max_pending) __trap();
  copies_[pending_++] = copy;
}

WARPLADDER_ENGINE void transaction_barrier::complete_phase_if_due() {
  unsigned bytes = 0;
  for (int i = 0; i < pending_; ++i) bytes += copies_[i].bytes;
  if (arrivals_missing_ != 0 || bytes != bytes_expected_) return;
  for (int i = 0; i < pending_; ++i) {
    copies_[i].make(copies_[i]);
    simt::trace::note_landed(copies_[i].to, copies_[i].bytes);
  }
  simt::trace::note_release(this);
  pending_ = 0;
  bytes_expected_ = 0;
  arrivals_missing_ = arrivals_;
  parity_ ^= 1;
}

WARPLADDER_ENGINE void transaction_barrier::wait(unsigned parity) {
  const auto is_complete = [&]() SIMT_UNTRACED {
    const lock held(locked_);
    if (parity_ == parity) complete_phase_if_due();
    return parity_ != parity;
  };
  while (!is_complete()) __nanosleep(32);  // the executor ends a block in which all only wait
  simt::trace::note_acquire(this);
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

WARPLADDER_ENGINE void transaction_barrier::init(unsigned arrivals) {
  asm volatile(
      "mbarrier.init.shared::cta.b64 [%0], %1;\n"
      // The copy engine and the other blocks of the cluster must see it initialised.
      "fence.mbarrier_init.release.cluster;\n"
      "fence.proxy.async.shared::cta;" ::"r"(address()),
      "r"(arrivals)
      : "memory");
}

WARPLADDER_ENGINE void transaction_barrier::arrive() {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address()) : "memory");
}

WARPLADDER_ENGINE void transaction_barrier::arrive_at(unsigned rank) {
  asm volatile(
      "{ .reg .b32 there;\n"
      "  mapa.shared::cluster.u32 there, %0, %1;\n"
      "  mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [there]; }" ::"r"(address()),
      "r"(rank)
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

WARPLADDER_ENGINE void transaction_barrier::init(unsigned) {
  __trap();
}
WARPLADDER_ENGINE void transaction_barrier::arrive() {
  __trap();
}
WARPLADDER_ENGINE void transaction_barrier::arrive_at(unsigned) {
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
