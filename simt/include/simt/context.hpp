// SPDX-License-Identifier: Apache-2.0
// Who am I: the coordinates of the running CUDA thread and of its block.
#pragma once

#include <cstddef>

#include "simt/vector_types.hpp"

namespace simt {

struct block_context {
  uint3 block_index{};
  dim3 block_dim;
  dim3 grid_dim;
  dim3 cluster_dim;
  unsigned thread_count = 0;  // threads per block
  unsigned cluster_rank = 0;  // rank of this block inside its cluster
  void* dynamic_shared = nullptr;
  std::size_t dynamic_shared_bytes = 0;
};

struct thread_context {
  uint3 thread_index{};
  unsigned linear_index = 0;  // rank inside the block; warp = rank / 32, lane = rank % 32
  block_context* block = nullptr;

  unsigned lane() const { return linear_index & 31u; }
};

// The CUDA thread that runs on this OS thread; null outside kernels. Fibers never move between OS
// threads, so a compiler may keep the address of this variable across a barrier.
extern constinit thread_local thread_context* current_thread;

// Start of the block's dynamic shared memory, 1024-byte aligned. The portable spelling of
// `extern __shared__`.
inline void* dynamic_shared() {
  return current_thread->block->dynamic_shared;
}

}  // namespace simt

// A macro, because each switch between CUDA threads would otherwise have to copy the value; the
// type of the expression is CUDA's own, so that templates deduce the same on both backends.
#define threadIdx (static_cast<const ::uint3&>(::simt::current_thread->thread_index))

// These are the same for all threads of a block, hence for all that an OS thread runs at a time.
// No macros: cudaLaunchConfig_t has members of these names.
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;

inline constexpr int warpSize = 32;
