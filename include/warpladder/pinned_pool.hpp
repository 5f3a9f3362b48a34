// SPDX-License-Identifier: Apache-2.0
//
// Page-locked host memory as a std::pmr::memory_resource: handed out again instead of being locked
// again, which takes about 0.4 ms per MiB.
//
//   warpladder::transfer::pinned_pool pool;
//   std::pmr::vector<float> frame(1 << 20, &pool);
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>
#include <vector>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder::transfer {

/// Page-locked memory could not be had.
class pinned_allocation_error : public std::bad_alloc {
 public:
  explicit pinned_allocation_error(cudaError_t code) : code_(code) {}
  cudaError_t code() const noexcept { return code_; }
  const char* what() const noexcept override { return cudaGetErrorString(code_); }

 private:
  cudaError_t code_;
};

/// A pool of page-locked memory. All members may be called by several threads at once.
///
/// Memory that is deallocated may be handed out at once. So deallocate when the copies that use it
/// are done, or retire() it behind them.
///
/// Why not std::pmr::synchronized_pool_resource over a resource that calls cudaMallocHost: it hands
/// blocks above its largest size (4 MiB in libstdc++) back to that resource every time, which are
/// those that are worth keeping; it asks for chunks aligned to their blocks, and for 15 MiB to
/// serve 1 MiB; and it keeps its own tables in them.
class pinned_pool : public std::pmr::memory_resource {
 public:
  struct statistics {
    std::size_t held_bytes = 0;          ///< page-locked now
    std::size_t in_use_bytes = 0;        ///< handed out or retired now, rounded up to whole blocks
    std::size_t allocations = 0;         ///< ever
    std::size_t system_allocations = 0;  ///< of which the system had to lock memory
  };

  /// `flags` as for cudaHostAlloc: cudaHostAllocPortable for several devices. Write-combined memory
  /// is none for a pool, as the free blocks hold its lists.
  explicit pinned_pool(unsigned flags = cudaHostAllocDefault) : flags_(flags) {}
  pinned_pool(const pinned_pool&) = delete;
  pinned_pool& operator=(const pinned_pool&) = delete;
  /// Nothing may be in use any more; waits for what is retired.
  ~pinned_pool() override {
    for (const retired& one : retired_) WARPLADDER_TRY_NOTHROW(cudaEventSynchronize(one.behind));
    unlock_all();
  }

  /// Like deallocate(), once the work submitted to `behind` so far is done. Does not wait. Throws
  /// warpladder::cuda_error, and the memory stays the caller's, if the event cannot be recorded;
  /// refuses a capturing stream: cudaErrorStreamCaptureUnsupported.
  void retire(void* memory, std::size_t bytes, stream_view behind);

  /// Gives all page-locked memory back to the system, as std::pmr pools do: nothing may be in use
  /// any more. Waits for what is retired; throws warpladder::cuda_error if that failed.
  void release();

  statistics now() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  /// Blocks have 2^k * (1, 1.25, 1.5, 1.75) bytes, at least 256: at most a fifth is wasted.
  static constexpr std::size_t smallest = 256, steps = 4, sizes = (63 - 8) * steps;
  /// Blocks below this size are cut from slabs: the system locks no less than pages of 4 KiB.
  static constexpr std::size_t slab = std::size_t{256} << 10, largest_from_slab = slab / 16;

  struct free_block {
    free_block* next;
  };
  struct retired {
    event behind;
    void* memory;
    std::size_t size;  // an index of a size
  };

  static constexpr std::size_t size_of(std::size_t index) {
    return (smallest << index / steps) / steps * (steps + index % steps);
  }
  /// The index of the smallest size of at least `bytes`; `sizes` if there is none.
  static constexpr std::size_t size_for(std::size_t bytes) {
    if (bytes <= smallest) return 0;
    if (bytes > size_of(sizes - 1)) return sizes;
    const std::size_t power = std::bit_width(bytes - 1) - 1;  // 2^power < bytes
    const std::size_t step = (std::size_t{1} << power) / steps;
    return (power - 8) * steps + (bytes - (std::size_t{1} << power) + step - 1) / step;
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t bytes, std::size_t) override {
    const std::lock_guard lock(mutex_);
    give_back(memory, size_for(bytes));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  void give_back(void* memory, std::size_t size) {
    free_[size] = ::new (memory) free_block{free_[size]};
    statistics_.in_use_bytes -= size_of(size);
  }
  /// Takes back what was retired and is done with.
  void collect();
  void* lock_memory(std::size_t bytes);
  void unlock_all();

  const unsigned flags_;
  mutable std::mutex mutex_;
  std::array<free_block*, sizes> free_{};
  std::byte *slab_begin_ = nullptr, *slab_end_ = nullptr;  // what is left of the newest slab
  std::vector<void*> locked_;
  std::vector<retired> retired_;
  statistics statistics_;
};

inline void* pinned_pool::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t size = size_for(bytes);
  // All sizes and slabs are multiples of 64, as is what the runtime returns.
  if (size == sizes || alignment > 64) throw pinned_allocation_error(cudaErrorInvalidValue);
  const std::lock_guard lock(mutex_);
  collect();
  void* memory = free_[size];
  if (memory != nullptr) {
    free_[size] = free_[size]->next;
  } else if (size_of(size) > largest_from_slab) {
    memory = lock_memory(size_of(size));
  } else {
    if (std::size_t(slab_end_ - slab_begin_) < size_of(size)) {
      slab_begin_ = static_cast<std::byte*>(lock_memory(slab));
      slab_end_ = slab_begin_ + slab;
    }
    memory = std::exchange(slab_begin_, slab_begin_ + size_of(size));
  }
  ++statistics_.allocations;
  statistics_.in_use_bytes += size_of(size);
  return memory;
}

inline void pinned_pool::retire(void* memory, std::size_t bytes, stream_view behind) {
  WARPLADDER_TRY(refuse_capture(behind));
  event passed;
  behind.record(passed);
  const std::lock_guard lock(mutex_);
  retired_.push_back({std::move(passed), memory, size_for(bytes)});
}

inline void pinned_pool::collect() {
  // An error that a stream met is its user's: the copies have ended then as well.
  const beside_captures unaffected;
  std::erase_if(retired_, [this](retired& one) {
    const cudaError_t status = cudaEventQuery(one.behind);
    if (cudaPeekAtLastError() == cudaErrorNotReady) cudaGetLastError();
    if (status == cudaErrorNotReady) return false;
    give_back(one.memory, one.size);
    return true;
  });
}

inline void pinned_pool::release() {
  const std::lock_guard lock(mutex_);
  for (const retired& one : retired_) one.behind.synchronize();
  collect();
  unlock_all();
}

inline void* pinned_pool::lock_memory(std::size_t bytes) {
  const beside_captures unaffected;
  locked_.push_back(nullptr);
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes, flags_);
  if (status != cudaSuccess) {
    locked_.pop_back();
    throw pinned_allocation_error(status);
  }
  locked_.back() = memory;
  statistics_.held_bytes += bytes;
  ++statistics_.system_allocations;
  return memory;
}

inline void pinned_pool::unlock_all() {
  for (void* memory : locked_) WARPLADDER_TRY_NOTHROW(cudaFreeHost(memory));
  locked_.clear();
  free_ = {};
  slab_begin_ = slab_end_ = nullptr;
  statistics_.held_bytes = statistics_.in_use_bytes = 0;
}

}  // namespace warpladder::transfer
