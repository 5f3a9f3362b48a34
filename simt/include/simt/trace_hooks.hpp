// SPDX-License-Identifier: Apache-2.0
// What wrappers of special instructions tell traced mode: copies by an engine, barriers in shared
// memory, atomics. Nothing in the other modes. The compiler's callbacks report plain accesses.
#pragma once

namespace simt::trace {

#ifdef SIMT_TRACED
// Functions that only simulate hardware: what they touch is not the kernel's doing.
#define SIMT_UNTRACED __attribute__((no_sanitize("thread")))

// Called from code that is inlined into the kernel: the place of the call is the place reported.
void note_atomic(const void* address, unsigned bytes);  // before it
void note_bulk_read(const void* global, unsigned bytes);
void note_bulk_write(const void* global, unsigned bytes);
// From here until note_landed() nobody may touch the target.
void note_bulk_copy_begins(void* shared, unsigned bytes);
// From here until note_source_read() nobody may write the source.
void note_bulk_source(const void* shared, unsigned bytes);
void note_source_read(const void* shared, unsigned bytes);

// The tensor core has read for the calling thread: checked like a load, but not counted.
void note_engine_read(const void* shared, unsigned bytes);

void note_landed(void* shared, unsigned bytes);
// Through `object` (a barrier) the caller passes on all that it did, or learns what others did.
void note_release(const void* object);
void note_acquire(const void* object);
#else
#define SIMT_UNTRACED
inline void note_atomic(const void*, unsigned) {}
inline void note_bulk_read(const void*, unsigned) {}
inline void note_bulk_write(const void*, unsigned) {}
inline void note_bulk_copy_begins(void*, unsigned) {}
inline void note_bulk_source(const void*, unsigned) {}
inline void note_source_read(const void*, unsigned) {}
inline void note_engine_read(const void*, unsigned) {}
inline void note_landed(void*, unsigned) {}
inline void note_release(const void*) {}
inline void note_acquire(const void*) {}
#endif

}  // namespace simt::trace
