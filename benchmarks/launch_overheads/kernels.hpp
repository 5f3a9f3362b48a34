// SPDX-License-Identifier: Apache-2.0
//
// Kernels that do next to nothing, declared so that both nvcc and g++ can launch them by address.
#pragma once

#include <cuda_runtime.h>

namespace warpladder::bench {

/// What the device's nanosecond timer said when a kernel began and when it ended.
struct stamps {
  unsigned long long begin, end;
};

__global__ void empty_kernel();

/// One thread, of the last block, adds to the counter: that it did proves that the kernel ran.
__global__ void count_kernel(unsigned* counter, unsigned add);

/// The same under another name, for kernels that take turns.
__global__ void other_count_kernel(unsigned* counter, unsigned add);

/// Busy for `clocks` of its multiprocessor. The first thread writes its stamps, unless null.
__global__ void spin_kernel(unsigned long long clocks, stamps* out);

/// Counts like count_kernel, and then lets the host see `value` in mapped memory.
__global__ void flag_kernel(unsigned* counter, volatile unsigned* flag, unsigned value);

/// The smallest step that the nanosecond timer was seen to make.
__global__ void timer_step_kernel(unsigned long long* smallest);

/// `prologue_clocks` of work that does not depend on the kernel before, then *value += 1 by a plain
/// load and store: a kernel that did not wait for the one before it would lose a count.
__global__ void dependent_kernel(unsigned long long prologue_clocks, volatile unsigned* value);

/// An address that cudaLaunchKernel takes.
using kernel_address = const void*;

/// A kernel with one argument of this many bytes: a counter's address, behind it anything, and
/// argument_mark as the last 4 bytes if there are more than 8. Counts if it finds the mark.
/// Null for sizes other than argument_sizes.
kernel_address arguments_kernel(int bytes);
constexpr int argument_sizes[] = {8, 64, 256, 1024, 4000, 32760};
constexpr unsigned argument_mark = 0x5eed;

/// Kernels that nothing else launches, for what a first launch costs: they add 1 to their only
/// argument, a counter.
kernel_address fresh_kernel(int index);
constexpr int fresh_kernels = 64;

/// Launches with the triple angle brackets, which g++ does not read.
cudaError_t launch_empty_in_brackets(cudaStream_t stream);

}  // namespace warpladder::bench
