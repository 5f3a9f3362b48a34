// SPDX-License-Identifier: Apache-2.0
//
// A barrier across all blocks of a grid, for kernels that stay on the device between the steps of
// an iteration. Header-only; needs cudart alone.
//
//   __global__ void iterate(unsigned* word, ...) {
//     warpladder::grid_barrier barrier(word);
//     for (...) {
//       ...               // write for other blocks
//       barrier.sync();
//       ...               // read what they wrote
//     }
//   }
//   warpladder::launch_resident(iterate, {.grid = ..., .block = ..., .stream = ...}, word, ...);
#pragma once

#include <cuda_runtime.h>

#include <type_traits>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/spin.cuh>
#include <warpladder/grid_barrier_report.hpp>

namespace warpladder {

/// How long a block of grid_barrier::sync() waits before it looks whether all have arrived. The
/// arrivals and the looks of all blocks meet in one slice of L2, which takes about one in a clock:
/// who looks too early delays those that are still arriving. So a block leaves the others `clocks`
/// for their way to L2 and its own way back, and one clock per block of the grid. Where a
/// multiprocessor has several blocks, the barriers inside them hold each other up, the longer the
/// more threads they have. The numbers are those of an H100; a wait that is wrong costs time and
/// nothing else.
struct grid_barrier_tuning {
  unsigned clocks = 170;
  unsigned multiprocessors = 132;
  unsigned threads_per_clock = 4;  ///< of a block that has company

  /// In clocks, for a grid of `blocks` x `threads`.
  __host__ __device__ unsigned wait(unsigned blocks, unsigned threads) const {
    return clocks + blocks + (blocks > multiprocessors ? threads / threads_per_clock : 0);
  }
};

/// The limit of grid_barrier: none.
struct wait_for_ever {};

/// The limit of bounded_grid_barrier: a block that has looked `polls` times in vain writes
/// `report`, and all blocks give up. A look takes about 0.6 us on an H100 at 132 blocks.
struct give_up_after {
  grid_barrier_report* report;
  unsigned polls = 1u << 20;
};

/// A barrier across all blocks of a grid: no block leaves sync() before every block has entered
/// it, and what any thread wrote to global memory before it, every thread of the grid reads after
/// it.
///
/// The object lives in registers, one in each thread, built by all threads of all blocks at the
/// start of the kernel. What blocks share is `*word` in device memory: zeroed once, before the
/// first kernel that uses it, and best alone in its 128 bytes. Kernels one after another, of any
/// grids, may then use it without clearing; two that may run at the same time need two words, and
/// one that overlaps_kernel_before constructs it behind wait_for_kernels_before(). After a kernel
/// that ended inside a barrier (an abort, a report) zero it again.
///
/// Demands: all blocks are resident at once, which launch_resident() makes sure of; otherwise those
/// that run wait for ever for those that cannot start. Every thread of every block calls sync()
/// equally often, none under a condition that differs within a block or between blocks (it contains
/// __syncthreads()); a thread that has returned no longer calls. Blocks and grids of one to three
/// dimensions, up to 2^30 blocks.
///
/// Not ordered: accesses between arrive() and wait(), and between barriers, with those of other
/// blocks; the host's and other devices' accesses (its scope is the device); asynchronous copies,
/// which are waited for before arriving. What __ldg, or a load that the compiler turned into one,
/// read before the barrier may be read stale after it: no __restrict__ const for data that other
/// blocks write in the same kernel.
template <class Limit>
class basic_grid_barrier {
 public:
  __device__ explicit basic_grid_barrier(unsigned* word, Limit limit = {}) : limit_(limit) {
    if (!leads_block()) return;
    word_ = word;
    // Whoever reads before it arrives reads the sense of this barrier: the bit cannot flip until
    // every block has arrived.
    sense_ = load_relaxed(word_) & sense_bit;
    // Cooperative groups' own trick: the addends of all blocks make 2^31 together. The last
    // arrival, whichever it is, flips the highest bit and leaves zeros below it: nothing is reset.
    addend_ = block_of_grid() == 0 ? sense_bit - (blocks_of_grid() - 1) : 1;
  }

  /// True once all blocks have arrived. False, in all threads of the block and at this and all
  /// later barriers, if a limit was reached: the kernel should then end. A grid_barrier has no
  /// limit and returns nothing but true.
  __device__ bool sync() {
    arrive();
    if (leads_block()) {
      const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
      wait_clocks(grid_barrier_tuning{}.wait(blocks_of_grid(), threads));
    }
    return wait();
  }

  /// sync() in two halves: work that needs no other block goes between them, and hides the wait.
  /// Every arrive() is followed by its wait().
  __device__ void arrive() {
    __syncthreads();  // makes what the block has written part of the release
    if (leads_block() && !is_given_up()) add_release(word_, addend_);
  }

  /// What sync() returns.
  __device__ bool wait() {
    bool open = true;
    if (leads_block()) {
      open = poll();
      fence_acquire();
      sense_ ^= sense_bit;
    }
    if constexpr (has_limit) {
      ++barriers_;
      return __syncthreads_and(open);
    } else {
      __syncthreads();
      return true;
    }
  }

 private:
  static constexpr unsigned sense_bit = 1u << 31;
  static constexpr bool has_limit = std::is_same_v<Limit, give_up_after>;

  static __device__ bool leads_block() { return (threadIdx.x | threadIdx.y | threadIdx.z) == 0; }
  static __device__ unsigned blocks_of_grid() { return gridDim.x * gridDim.y * gridDim.z; }
  static __device__ unsigned block_of_grid() {
    return (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  }

  /// Relaxed: wait() fences once, where an acquire at every turn would empty L1 every time.
  __device__ bool poll() {
    for (unsigned polls = 0; (load_relaxed(word_) & sense_bit) == sense_; ++polls) {
      if (is_given_up() || gives_up(polls)) return false;
      pause_between_polls();
    }
    return !is_given_up();
  }

  __device__ bool is_given_up() const {
    if constexpr (has_limit) return load_relaxed(&limit_.report->given_up) != 0;
    return false;
  }

  __device__ bool gives_up(unsigned polls) {
    if constexpr (has_limit) {
      if (polls < limit_.polls) return false;
      grid_barrier_report& report = *limit_.report;
      if (atomicExch(&report.given_up, 1) == 0) {
        report.block = block_of_grid();
        report.barrier = barriers_;
        report.arrived = arrived();
        report.blocks = blocks_of_grid();
      }
      return true;
    }
    return false;
  }

  /// The lower bits count arrivals; that of block 0 has made them huge.
  __device__ unsigned arrived() const {
    const unsigned count = load_relaxed(word_) & ~sense_bit;
    return count < sense_bit / 2 ? count : count - (sense_bit - blocks_of_grid());
  }

  // Known to the leader alone: where to add, what, and the sense of the word until the barrier
  // opens. (If all lanes knew word_ and addend_, the compiler would first sum over the warp.)
  unsigned* word_ = nullptr;
  unsigned addend_ = 0, sense_ = 0;
  unsigned barriers_ = 0;  // passed so far, for the report
  [[no_unique_address]] Limit limit_;
};

/// The barrier for products.
using grid_barrier = basic_grid_barrier<wait_for_ever>;

/// The same for finding out why a kernel hangs:
///   bounded_grid_barrier barrier(word, {report});
///   if (!barrier.sync()) return;
using bounded_grid_barrier = basic_grid_barrier<give_up_after>;

}  // namespace warpladder
