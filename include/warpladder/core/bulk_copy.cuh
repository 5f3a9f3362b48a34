// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <cstring>
#endif

// Bulk copies of the copy engine (cp.async.bulk, "TMA" without a tensor map) and the transaction
// barriers (mbarrier) that say when their bytes have arrived: compute capability 9.0. PTX ISA,
// "Asynchronous copy: Bulk copy" and "Parallel Synchronization and Communication Instructions:
// mbarrier". One instruction moves a whole row without passing a register; device and host meaning
// stand side by side. Compiles for older devices, but traps there: rungs that use it say
// min_compute_capability 90.

namespace warpladder {

/// A barrier in shared memory that completes a phase when `arrivals` threads have arrived and all
/// announced bytes have landed. Phases alternate parity, beginning with 0. Initialise it by one
/// thread, then fence_barrier_init() by that thread, then __syncthreads().
class transaction_barrier {
 public:
  __device__ __forceinline__ void init(unsigned arrivals);
  /// One arrival.
  __device__ __forceinline__ void arrive();
  /// One arrival that announces `bytes` of bulk copies for the current phase.
  __device__ __forceinline__ void arrive_and_expect(unsigned bytes);
  /// Waits for the phase with this parity to be complete. Orders what the copies wrote before what
  /// the calling thread reads next.
  __device__ __forceinline__ void wait(unsigned parity);

#ifdef WARPLADDER_HOST_EXECUTOR
  void add_pending_copy(void* to, const void* from, unsigned bytes);

 private:
  void complete_phase_if_due();

  struct pending_copy {
    void* to;
    const void* from;
    unsigned bytes;
  };
  static constexpr int max_pending = 512;
  unsigned arrivals_per_phase_, arrivals_left_, parity_;
  int bytes_expected_, pending_;
  pending_copy copies_[max_pending];
#else
  __device__ __forceinline__ unsigned address() const {
    return static_cast<unsigned>(__cvta_generic_to_shared(&state_));
  }

 private:
  std::uint64_t state_;
#endif
};

/// Makes initialised barriers visible to the copy engine.
__device__ __forceinline__ void fence_barrier_init();

/// Starts a copy of `bytes` (a multiple of 16; both pointers aligned to 16) from global to shared
/// memory; `barrier` counts the bytes when they land. Called by one thread per copy.
__device__ __forceinline__ void bulk_copy(void* shared, const void* global, unsigned bytes,
                                          transaction_barrier& barrier);

#ifdef WARPLADDER_HOST_EXECUTOR

// The host makes the copies when somebody waits for them, the latest moment that is legal, so that
// a missing wait reads old data.

inline void transaction_barrier::init(unsigned arrivals) {
  arrivals_per_phase_ = arrivals_left_ = arrivals;
  parity_ = 0;
  bytes_expected_ = pending_ = 0;
}

inline void transaction_barrier::complete_phase_if_due() {
  if (arrivals_left_ != 0) return;
  int bytes = 0;
  for (int i = 0; i < pending_; ++i) bytes += int(copies_[i].bytes);
  if (bytes != bytes_expected_) return;
  for (int i = 0; i < pending_; ++i) std::memcpy(copies_[i].to, copies_[i].from, copies_[i].bytes);
  pending_ = bytes_expected_ = 0;
  arrivals_left_ = arrivals_per_phase_;
  parity_ ^= 1;
}

inline void transaction_barrier::arrive() {
  if (arrivals_left_ == 0) complete_phase_if_due();
  if (arrivals_left_ == 0) __trap();  // more arrivals than init() announced
  --arrivals_left_;
}

inline void transaction_barrier::arrive_and_expect(unsigned bytes) {
  arrive();
  bytes_expected_ += int(bytes);
}

inline void transaction_barrier::wait(unsigned parity) {
  for (int spins = 0; parity_ == parity; ++spins) {
    complete_phase_if_due();
    if (parity_ != parity) break;
    if (spins == 1'000'000) __trap();  // nobody will ever complete this phase
    __nanosleep(32);
  }
}

inline void transaction_barrier::add_pending_copy(void* to, const void* from, unsigned bytes) {
  if (pending_ == max_pending) __trap();
  copies_[pending_++] = {to, from, bytes};
}

inline void fence_barrier_init() {}

inline void bulk_copy(void* shared, const void* global, unsigned bytes,
                      transaction_barrier& barrier) {
  const auto misaligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16; };
  if (bytes % 16 != 0 || misaligned(shared) || misaligned(global)) __trap();
  barrier.add_pending_copy(shared, global, bytes);
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void transaction_barrier::init(unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address()), "r"(arrivals)
               : "memory");
}

__device__ __forceinline__ void transaction_barrier::arrive() {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address()) : "memory");
}

__device__ __forceinline__ void transaction_barrier::arrive_and_expect(unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address()),
               "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void transaction_barrier::wait(unsigned parity) {
  unsigned done;
  do {
    asm volatile(
        "{ .reg .pred p;\n"
        "  mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "  selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(address()), "r"(parity)
        : "memory");
  } while (done == 0);
}

__device__ __forceinline__ void fence_barrier_init() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void bulk_copy(void* shared, const void* global, unsigned bytes,
                                          transaction_barrier& barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(global), "r"(bytes), "r"(barrier.address())
      : "memory");
}

#else

__device__ __forceinline__ void transaction_barrier::init(unsigned) { __trap(); }
__device__ __forceinline__ void transaction_barrier::arrive() { __trap(); }
__device__ __forceinline__ void transaction_barrier::arrive_and_expect(unsigned) { __trap(); }
__device__ __forceinline__ void transaction_barrier::wait(unsigned) { __trap(); }
__device__ __forceinline__ void fence_barrier_init() { __trap(); }
__device__ __forceinline__ void bulk_copy(void*, const void*, unsigned, transaction_barrier&) {
  __trap();
}

#endif

}  // namespace warpladder
