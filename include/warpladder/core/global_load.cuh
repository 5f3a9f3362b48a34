// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/simt.hpp>
#endif

namespace warpladder {

/// Whether what is loaded will be wanted again by this multiprocessor.
enum class reuse {
  none,   ///< it need not stay in L1
  likely  ///< it should
};

/// Loads 2, 4, 8 or 16 bytes of global memory, aligned to their number, that nobody writes while
/// the kernel runs. With `valid` false nothing is read and the words are zero: one predicated
/// instruction and no branch, so that a sequence of calls is in flight together. Of two bytes the
/// word's upper half is zero. PTX ISA, "ld.global.nc".
template <int Bytes, reuse Reuse>
__device__ __forceinline__ void load_or_zero(unsigned (&words)[Bytes < 4 ? 1 : Bytes / 4],
                                             const void* address, bool valid) {
  static_assert(Bytes == 2 || Bytes == 4 || Bytes == 8 || Bytes == 16);
#ifdef WARPLADDER_HOST_EXECUTOR
  if constexpr (Bytes == 2) {
    words[0] = valid ? *static_cast<const std::uint16_t*>(address) : 0;
  } else if constexpr (Bytes == 4) {
    words[0] = valid ? *static_cast<const unsigned*>(address) : 0;
  } else if constexpr (Bytes == 8) {
    const uint2 loaded = valid ? *static_cast<const uint2*>(address) : uint2{};
    words[0] = loaded.x, words[1] = loaded.y;
  } else {
    const uint4 loaded = valid ? *static_cast<const uint4*>(address) : uint4{};
    words[0] = loaded.x, words[1] = loaded.y, words[2] = loaded.z, words[3] = loaded.w;
  }
#else
#define WARPLADDER_LOAD_OR_ZERO(hint)                                           \
  if constexpr (Bytes == 2) {                                                   \
    unsigned short loaded;                                                      \
    asm volatile(                                                               \
        "{ .reg .pred p; setp.ne.b32 p, %2, 0; mov.b16 %0, 0;\n"                \
        "  @p ld.global.nc" hint ".u16 %0, [%1]; }"                             \
        : "=h"(loaded)                                                          \
        : "l"(address), "r"(int(valid)));                                       \
    words[0] = loaded;                                                          \
  } else if constexpr (Bytes == 4) {                                            \
    asm volatile(                                                               \
        "{ .reg .pred p; setp.ne.b32 p, %2, 0; mov.b32 %0, 0;\n"                \
        "  @p ld.global.nc" hint ".u32 %0, [%1]; }"                             \
        : "=r"(words[0])                                                        \
        : "l"(address), "r"(int(valid)));                                       \
  } else if constexpr (Bytes == 8) {                                            \
    asm volatile(                                                               \
        "{ .reg .pred p; setp.ne.b32 p, %3, 0; mov.b32 %0, 0; mov.b32 %1, 0;\n" \
        "  @p ld.global.nc" hint ".v2.u32 {%0, %1}, [%2]; }"                    \
        : "=r"(words[0]), "=r"(words[1])                                        \
        : "l"(address), "r"(int(valid)));                                       \
  } else {                                                                      \
    asm volatile(                                                               \
        "{ .reg .pred p; setp.ne.b32 p, %5, 0;\n"                               \
        "  mov.b32 %0, 0; mov.b32 %1, 0; mov.b32 %2, 0; mov.b32 %3, 0;\n"       \
        "  @p ld.global.nc" hint ".v4.u32 {%0, %1, %2, %3}, [%4]; }"            \
        : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])        \
        : "l"(address), "r"(int(valid)));                                       \
  }
  if constexpr (Reuse == reuse::likely) {
    WARPLADDER_LOAD_OR_ZERO("")
  } else {
    WARPLADDER_LOAD_OR_ZERO(".L1::no_allocate")
  }
#undef WARPLADDER_LOAD_OR_ZERO
#endif
}

/// Asks L2 to fetch the line of `address` from device memory. It has no result and changes none: it
/// may be asked before other kernels have written there.
__device__ __forceinline__ void prefetch_to_l2(const void* address, bool valid) {
#ifndef WARPLADDER_HOST_EXECUTOR
  asm volatile(
      "{ .reg .pred p; setp.ne.b32 p, %1, 0;\n  @p prefetch.global.L2 [%0]; }" ::"l"(address),
      "r"(int(valid)));
#else
  (void)address, (void)valid;
#endif
}

}  // namespace warpladder
