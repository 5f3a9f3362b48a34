// SPDX-License-Identifier: Apache-2.0
// The CUDA keywords, given a meaning that a host compiler understands.
#pragma once

// <memory> spells an attribute `__noinline__` in libstdc++: it must be parsed before the macro of
// that name exists.
#include <memory>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __launch_bounds__(...)
#define __maxnreg__(...)

// One OS thread runs one block at a time and fibers never change OS thread, so a thread_local
// static is exactly "one object per block". `extern __shared__` is rejected by the compiler: ask
// simt::dynamic_shared() instead.
#define __shared__ static thread_local

#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
