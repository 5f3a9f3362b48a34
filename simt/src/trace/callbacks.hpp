// SPDX-License-Identifier: Apache-2.0
// What the compiler's callbacks pass on.
#pragma once

namespace simt::trace {

void touch(const void* address, unsigned bytes, bool writes, const void* site);
void touch_volatile(const void* address, unsigned bytes, bool writes, const void* site);
void touch_atomic(const void* address, unsigned bytes, bool reads, bool writes, int memory_order,
                  const void* site);
void touch_atomic_done(const void* address, int memory_order);  // behind one that reads
void touch_fence();
[[noreturn]] void index_out_of_bounds(const char* file, unsigned line, unsigned long long index,
                                      const char* array_type);

}  // namespace simt::trace
