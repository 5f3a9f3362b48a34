// SPDX-License-Identifier: Apache-2.0
// Ears and memory of traced mode. The executor tells what blocks and threads do (the functions
// here), the compiler's callbacks tell what kernel code touches (callbacks.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "simt/vector_types.hpp"

namespace simt {

class grid;

#ifdef SIMT_TRACED
inline constexpr bool traced = true;
#else
inline constexpr bool traced = false;
#endif

namespace trace {

class launch_record;

// Behind a block's dynamic shared memory, at least so many bytes are nobody else's.
inline constexpr std::size_t dynamic_shared_gap = 1024;

// What the tracer must know of a block that is about to run.
struct block_facts {
  std::uint32_t index;  // linear, in the grid
  unsigned threads;
  dim3 grid, block;
  char* dynamic_shared;
  std::size_t dynamic_shared_bytes;
  std::size_t stack_bytes;  // of each thread
  // Where threadIdx and the like are.
  struct range {
    const void* start;
    std::size_t bytes;
  } executor_data[2];
};

#ifdef SIMT_TRACED
// ---- called by the executor; all of it is nothing for launches that are not traced ----

std::shared_ptr<launch_record> launch_begins(const grid& launch);
void launch_ends(const std::shared_ptr<launch_record>& record, const grid& launch);

void block_begins(launch_record* record, const block_facts& facts);
void block_meets_cluster(unsigned rank, unsigned size);  // all its peers have begun
void block_ends();

void barrier(unsigned warps);
void collective(unsigned warp, std::uint32_t lanes);
// A barrier among blocks; `one_block` if the block is alone in its cluster.
void group_arrives();
void group_is_complete(const void* barrier, bool one_block);  // all threads of the block arrived
void group_leaves(const void* barrier, bool one_block);
void async_copy_begins(void* shared, const void* global, unsigned bytes, unsigned source_bytes,
                       const void* return_address);
void async_copy_lands(void* shared, unsigned bytes);

void* allocate_device(std::size_t bytes);
void release_device(void* pointer);
#else
// Other programs pay nothing.
inline std::shared_ptr<launch_record> launch_begins(const grid&) {
  return nullptr;
}
inline void launch_ends(const std::shared_ptr<launch_record>&, const grid&) {}
inline void block_begins(launch_record*, const block_facts&) {}
inline void block_meets_cluster(unsigned, unsigned) {}
inline void block_ends() {}
inline void barrier(unsigned) {}
inline void collective(unsigned, std::uint32_t) {}
inline void group_arrives() {}
inline void group_is_complete(const void*, bool) {}
inline void group_leaves(const void*, bool) {}
inline void async_copy_begins(void*, const void*, unsigned, unsigned, const void*) {}
inline void async_copy_lands(void*, unsigned) {}
inline void* allocate_device(std::size_t) {
  return nullptr;
}
inline void release_device(void*) {}
#endif

}  // namespace trace
}  // namespace simt
