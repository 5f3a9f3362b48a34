// SPDX-License-Identifier: Apache-2.0
// cp.async: copies into shared memory that complete as late as the GPU may complete them.
#pragma once

#include "simt/site.hpp"

namespace simt {

// Starts a copy of `bytes` (4, 8 or 16) to shared memory: `src_bytes` from `global_src`, the rest
// zero. Nothing moves before the wait, so a missing wait, or a missing barrier after it, leaves
// stale data for the readers.
void async_copy(void* shared_dst, const void* global_src, int bytes, int src_bytes,
                site where = site::current());
inline void async_copy(void* shared_dst, const void* global_src, int bytes,
                       site where = site::current()) {
  async_copy(shared_dst, global_src, bytes, bytes, where);
}

// Closes the calling thread's current group of copies (cp.async.commit_group).
void async_commit();

// Completes the thread's groups, oldest first, until at most `groups_left` are pending.
void async_wait(int groups_left);

// Completes every copy of the thread, committed or not.
void async_wait_all();

}  // namespace simt
