// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <warpladder/core/transaction_barrier.cuh>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <cstring>
#endif

// cp.async.bulk (compute capability 9.0): the copy engine moves a run of bytes between global and
// shared memory at the request of one thread, without its registers. PTX ISA, "Asynchronous copy:
// Bulk copy". Towards shared memory a transaction_barrier counts the bytes; towards global memory
// the requests of a thread form groups, as with cp.async.
//
// All pointers and sizes are multiples of 16 bytes. The device instruction and its host meaning
// stand side by side; the host copies as late as the contract allows. Compiles for older devices,
// but traps there: rungs that use it say min_compute_capability 90.

namespace warpladder {

/// Starts a copy to shared memory; `barrier` counts its bytes.
__device__ __forceinline__ void bulk_copy_to_shared(void* shared, const void* global,
                                                    unsigned bytes, transaction_barrier& barrier);

/// The copies of one thread from shared to global memory. It must have waited for all of them
/// before it ends. What other threads wrote into shared memory with ordinary stores needs a proxy
/// fence first; what bulk copies brought there needs only the barrier that counted them.
class bulk_stores {
 public:
  /// Starts a copy that belongs to the group closed by the next commit().
  __device__ __forceinline__ void start(void* global, const void* shared, unsigned bytes);
  WARPLADDER_ENGINE void commit();
  /// Returns when all but the `Groups` youngest have been read from shared memory, which may then
  /// be overwritten. Global memory holds them when the kernel has ended.
  template <int Groups>
  WARPLADDER_ENGINE void wait_until_read();

#ifdef WARPLADDER_HOST_EXECUTOR
  /// A copy that was asked for and not yet made; make(copy) moves its bytes.
  struct pending_copy {
    void (*make)(const pending_copy&);
    void* to;
    const void* from;
    unsigned bytes;
    int row, col, matrix, group;
  };
  WARPLADDER_ENGINE void add_pending(const pending_copy& copy);

 private:
  static constexpr int max_pending = 16;
  pending_copy copies_[max_pending];
  int pending_ = 0, group_ = 0;
#endif
};

#ifdef WARPLADDER_HOST_EXECUTOR

__forceinline__ void bulk_copy_to_shared(void* shared, const void* global, unsigned bytes,
                                         transaction_barrier& barrier) {
  const auto addresses =
      reinterpret_cast<std::uintptr_t>(shared) | reinterpret_cast<std::uintptr_t>(global);
  if ((addresses | bytes) % 16 != 0) __trap();
  const auto copy_bytes = [](const transaction_barrier::pending_copy& copy)
                              SIMT_UNTRACED { std::memcpy(copy.to, copy.from, copy.bytes); };
  simt::trace::note_bulk_read(global, bytes);
  simt::trace::note_bulk_copy_begins(shared, bytes);
  barrier.add_pending({copy_bytes, shared, global, bytes, 0, 0, 0});
}

__forceinline__ void bulk_stores::start(void* global, const void* shared, unsigned bytes) {
  const auto addresses =
      reinterpret_cast<std::uintptr_t>(shared) | reinterpret_cast<std::uintptr_t>(global);
  if ((addresses | bytes) % 16 != 0) __trap();
  const auto copy_bytes = [](const pending_copy& copy)
                              SIMT_UNTRACED { std::memcpy(copy.to, copy.from, copy.bytes); };
  simt::trace::note_bulk_source(shared, bytes);
  simt::trace::note_bulk_write(global, bytes);
  add_pending({copy_bytes, global, shared, bytes, 0, 0, 0, 0});
}

WARPLADDER_ENGINE void bulk_stores::add_pending(const pending_copy& copy) {
  if (pending_ == max_pending) __trap();
  copies_[pending_] = copy;
  copies_[pending_++].group = group_;
}

WARPLADDER_ENGINE void bulk_stores::commit() {
  ++group_;
}

template <int Groups>
WARPLADDER_ENGINE void bulk_stores::wait_until_read() {
  int left = 0;
  for (int i = 0; i < pending_; ++i) {
    const pending_copy copy = copies_[i];
    if (copy.group >= group_ - Groups) {
      copies_[left++] = copy;
    } else {
      copy.make(copy);
      simt::trace::note_source_read(copy.from, copy.bytes);
    }
  }
  pending_ = left;
}

#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void bulk_copy_to_shared(void* shared, const void* global,
                                                    unsigned bytes, transaction_barrier& barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, "
      "[%3];" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(__cvta_generic_to_global(global)), "r"(bytes), "r"(barrier.address())
      : "memory");
}

__device__ __forceinline__ void bulk_stores::start(void* global, const void* shared,
                                                   unsigned bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(
                   __cvta_generic_to_global(global)),
               "r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))), "r"(bytes)
               : "memory");
}

WARPLADDER_ENGINE void bulk_stores::commit() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

template <int Groups>
WARPLADDER_ENGINE void bulk_stores::wait_until_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Groups) : "memory");
}

#else

__device__ __forceinline__ void bulk_copy_to_shared(void*, const void*, unsigned,
                                                    transaction_barrier&) {
  __trap();
}
__device__ __forceinline__ void bulk_stores::start(void*, const void*, unsigned) {
  __trap();
}
WARPLADDER_ENGINE void bulk_stores::commit() {
  __trap();
}
template <int Groups>
WARPLADDER_ENGINE void bulk_stores::wait_until_read() {
  __trap();
}

#endif

}  // namespace warpladder
