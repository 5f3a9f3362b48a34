// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

// Programmatic dependent launch (compute capability 9.0): a kernel that was launched with
// launch_config::overlaps_kernel_before may be set up while its predecessor in the stream still
// runs. CUDA C++ Programming Guide, "Programmatic Dependent Launch and Synchronization". On older
// devices and on the host, where kernels of a stream run one after the other, these do nothing.

namespace warpladder {

/// Returns when all kernels before this one in the stream have ended and what they wrote is
/// visible. Every thread that reads or writes global memory calls it first.
__device__ __forceinline__ void wait_for_kernels_before() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the kernel behind this one in the stream be set up as soon as every block of this one has
/// called it or ended. It promises nothing about memory.
__device__ __forceinline__ void let_next_kernel_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

}  // namespace warpladder
