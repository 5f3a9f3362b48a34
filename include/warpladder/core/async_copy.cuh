// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/simt.hpp>
#endif

// cp.async (compute capability 8.0): copies from global to shared memory that pass no registers and
// run behind the issuing thread's back. PTX ISA, "Data Movement and Conversion Instructions:
// Asynchronous copy". The device instruction and its host meaning stand side by side; the host
// copies as late as the contract allows, so that a forgotten wait shows as wrong data.
//
// Contract: copies belong to the group closed by the next async_copy_commit() of the same thread;
// async_copy_wait<N>() returns when at most the N youngest groups are in flight, and makes the
// thread's own copies visible to itself; other threads need a barrier after it. Compiles for older
// devices too, so that one source builds for a list of architectures, but traps there: rungs that
// use it say min_compute_capability 80. Only the wait carries a "memory" clobber: the compiler may
// schedule other loads around the copies themselves, whose results nobody may touch before the
// wait.

namespace warpladder {

/// Starts a copy of `Bytes` (4, 8 or 16, both pointers aligned to it); with `valid` false nothing
/// is read and shared memory is filled with zeros. 16-byte copies bypass L1.
template <int Bytes>
__device__ __forceinline__ void async_copy(void* shared, const void* global, bool valid = true) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async moves 4, 8 or 16 bytes");
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::async_copy(shared, global, Bytes, valid ? Bytes : 0);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int source_bytes = valid ? Bytes : 0;
  if constexpr (Bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(global),
                 "n"(Bytes), "r"(source_bytes));
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(global),
                 "n"(Bytes), "r"(source_bytes));
  }
#else
  __trap();
#endif
}

/// Starts a copy of 16 bytes of which `source_bytes` (0 to 16) come from global memory, both
/// pointers aligned to 16; the others become zeros, and nothing is read in their place. L2 fetches
/// 128 bytes if it has to fetch.
__device__ __forceinline__ void async_copy_part(void* shared, const void* global,
                                                int source_bytes) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::async_copy(shared, global, 16, source_bytes);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(shared))),
               "l"(global), "r"(source_bytes));
#else
  __trap();
#endif
}

/// Closes the group of the copies started since the last commit (an empty group is legal).
__device__ __forceinline__ void async_copy_commit() {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::async_commit();
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;");
#else
  __trap();
#endif
}

/// Waits until at most `GroupsInFlight` of this thread's youngest groups are unfinished.
template <int GroupsInFlight>
__device__ __forceinline__ void async_copy_wait() {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::async_wait(GroupsInFlight);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(GroupsInFlight) : "memory");
#else
  __trap();
#endif
}

}  // namespace warpladder
