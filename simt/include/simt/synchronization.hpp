// SPDX-License-Identifier: Apache-2.0
// Barriers, fences, back-off and trap.
#pragma once

#include <atomic>

#include "simt/context.hpp"
#include "simt/site.hpp"

namespace simt::detail {

struct barrier_votes {
  unsigned in_favour;  // threads whose predicate was non-zero
  unsigned voters;     // threads that took part
};

barrier_votes block_barrier(bool predicate, site where);
void back_off();
void numbered_barrier(int number, unsigned threads, site where);
[[noreturn]] void trap(site where);

}  // namespace simt::detail

namespace simt {

// PTX bar.sync: a barrier of its own for `threads` threads of the block, number 1 ... 15.
inline void numbered_barrier(int number, unsigned threads, site where = site::current()) {
  detail::numbered_barrier(number, threads, where);
}

}  // namespace simt

inline void __syncthreads(simt::site where = simt::site::current())
{ simt::detail::block_barrier(false, where); }
inline int __syncthreads_count(int predicate, simt::site where = simt::site::current()) {
  return static_cast<int>(simt::detail::block_barrier(predicate != 0, where).in_favour);
}
inline int __syncthreads_and(int predicate, simt::site where = simt::site::current()) {
  const auto votes = simt::detail::block_barrier(predicate != 0, where);
  return votes.in_favour == votes.voters;
}
inline int __syncthreads_or(int predicate, simt::site where = simt::site::current()) {
  return simt::detail::block_barrier(predicate != 0, where).in_favour != 0;
}

inline void __threadfence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_block() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_system() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// Every spin loop must call this: the other threads of the block only run when this one yields.
inline void __nanosleep(unsigned) {
  simt::detail::back_off();
}

[[noreturn]] inline void __trap(simt::site where = simt::site::current()) {
  simt::detail::trap(where);
}
