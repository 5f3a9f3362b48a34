// SPDX-License-Identifier: Apache-2.0
//
// warpladder::transfer::pinned_pool: reuse, order, threads, failures.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory_resource>
#include <random>
#include <thread>
#include <vector>
#include <warpladder/core/stream.hpp>
#include <warpladder/pinned_pool.hpp>

#include "support/backend.hpp"
#include "support/gate.hpp"

namespace warpladder::test {
namespace {

using transfer::pinned_allocation_error, transfer::pinned_pool;

bool is_page_locked(const void* memory) {
  cudaPointerAttributes attributes{};
  EXPECT_EQ(cudaPointerGetAttributes(&attributes, memory), cudaSuccess);
  return attributes.type == cudaMemoryTypeHost;
}

void reuse() {
  pinned_pool pool;
  for (const std::size_t bytes : {1, 256, 257, 5000, 100'000, 10'000'000}) {
    void* const first = pool.allocate(bytes);
    EXPECT_TRUE(is_page_locked(first));
    EXPECT_TRUE(is_page_locked(static_cast<char*>(first) + bytes - 1));
    const std::size_t locked = pool.now().system_allocations;
    pool.deallocate(first, bytes);
    EXPECT_EQ(pool.allocate(bytes), first) << bytes;
    EXPECT_EQ(pool.now().system_allocations, locked);
    pool.deallocate(first, bytes);
  }
  EXPECT_EQ(pool.now().in_use_bytes, 0u);
  EXPECT_EQ(pool.now().allocations, 12u);
}

/// Blocks of all sizes lie apart, are aligned, hold what is written, and waste at most a fifth.
void blocks() {
  pinned_pool pool;
  std::mt19937 random(11);
  struct block {
    unsigned char* memory;
    std::size_t bytes;
    unsigned char value;
  };
  std::vector<block> all;
  std::size_t asked = 0;
  const auto check = [](const block& one) {
    for (std::size_t i = 0; i < one.bytes; ++i) {
      if (one.memory[i] != one.value) return false;
    }
    return true;
  };
  for (int i = 0; i < 2000; ++i) {
    if (all.size() < 100 || random() % 2 == 0) {
      const std::size_t bytes = 1 + random() % (std::size_t{1} << random() % 18);
      const std::size_t alignment = std::size_t{1} << random() % 7;
      auto* const memory = static_cast<unsigned char*>(pool.allocate(bytes, alignment));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0u);
      all.push_back({memory, bytes, static_cast<unsigned char>(i)});
      std::memset(memory, i, bytes);
      asked += bytes < 256 ? 256 : bytes;
    } else {
      std::swap(all[random() % all.size()], all.back());
      EXPECT_TRUE(check(all.back())) << "two blocks overlap";
      pool.deallocate(all.back().memory, all.back().bytes);
      asked -= all.back().bytes < 256 ? 256 : all.back().bytes;
      all.pop_back();
    }
    EXPECT_GE(pool.now().in_use_bytes, asked);
    EXPECT_LE(pool.now().in_use_bytes, asked + asked / 4);
    EXPECT_GE(pool.now().held_bytes, pool.now().in_use_bytes);
  }
  for (const block& one : all) {
    EXPECT_TRUE(check(one));
    pool.deallocate(one.memory, one.bytes);
  }
  EXPECT_LT(pool.now().system_allocations, pool.now().allocations / 4);
}

void containers() {
  pinned_pool pool;
  std::pmr::vector<float> values(&pool);
  for (int i = 0; i < 10'000; ++i) values.push_back(float(i));
  EXPECT_TRUE(is_page_locked(values.data()));
  EXPECT_EQ(values[9'999], 9'999.0f);
  EXPECT_TRUE(pool.is_equal(pool));
  EXPECT_FALSE(pool.is_equal(*std::pmr::new_delete_resource()));
}

/// Retired memory is handed out again when the stream has come so far, and not before.
void retire() {
  const stream on;
  pinned_pool pool;
  constexpr std::size_t bytes = 100'000;
  void* const memory = pool.allocate(bytes);
  void* const other = pool.allocate(bytes);
  pool.deallocate(other, bytes);
  {
    // Locking memory, or freeing it, would wait for the device: the pool has a second block.
    gate closed(on);
    pool.retire(memory, bytes, on);
    EXPECT_EQ(pool.allocate(bytes), other) << "was handed out while a copy may still use it";
    EXPECT_GE(pool.now().in_use_bytes, 2 * bytes);
  }
  EXPECT_EQ(pool.allocate(bytes), memory);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "an error was left behind";
  pool.deallocate(memory, bytes);
  pool.deallocate(other, bytes);
  EXPECT_EQ(pool.now().in_use_bytes, 0u);

  // The destructor waits.
  auto short_lived = std::make_unique<pinned_pool>();
  void* const last = short_lived->allocate(bytes);
  gate closed(on);
  short_lived->retire(last, bytes, on);
  closed.open_soon();
  short_lived.reset();
}

void refuses() {
  const stream on;
  pinned_pool pool;
  EXPECT_THROW(std::ignore = pool.allocate(PTRDIFF_MAX), std::bad_alloc);
  EXPECT_THROW(std::ignore = pool.allocate(100, 128), pinned_allocation_error);
  void* const memory = pool.allocate(100);
  cudaGraph_t graph{};
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_THROW(pool.retire(memory, 100, on), cuda_error);
  // Allocating has nothing to do with the capture, and does not invalidate it.
  void* const large = pool.allocate(1 << 20);
  ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess) << "the capture was invalidated";
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  pool.deallocate(memory, 100);
  pool.deallocate(large, 1 << 20);
}

void release() {
  const stream on;
  pinned_pool pool;
  void* const memory = pool.allocate(1 << 20);
  pool.deallocate(pool.allocate(100), 100);
  pool.retire(memory, 1 << 20, on);
  pool.release();
  EXPECT_EQ(pool.now().held_bytes, 0u);
  EXPECT_EQ(pool.now().in_use_bytes, 0u);
  void* const again = pool.allocate(1 << 20);
  EXPECT_TRUE(is_page_locked(again));
  pool.deallocate(again, 1 << 20);
}

void threads() {
  pinned_pool pool;
  std::atomic<int> overlaps{0};
  {
    std::vector<std::jthread> all;
    for (unsigned thread = 0; thread < 4; ++thread) {
      all.emplace_back([&, thread] {
        std::mt19937 random(thread);
        for (int i = 0; i < 500; ++i) {
          const std::size_t bytes = 1 + random() % 50'000;
          auto* const memory = static_cast<unsigned char*>(pool.allocate(bytes));
          std::memset(memory, int(thread), bytes);
          std::this_thread::yield();
          for (std::size_t k = 0; k < bytes; ++k) overlaps += memory[k] != thread;
          pool.deallocate(memory, bytes);
        }
      });
    }
  }
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(pool.now().in_use_bytes, 0u);
  EXPECT_EQ(pool.now().allocations, 2000u);
}

#ifdef WARPLADDER_HOST_EXECUTOR
void failures() {
  const simt::object_counts before = simt::live_objects();
  {
    pinned_pool pool;
    void* const kept = pool.allocate(1000);
    const pinned_pool::statistics now = pool.now();
    for (const std::size_t bytes : {20'000, 200'000}) {
      const simt::scoped_failure failing(simt::fault::pinned_allocation);
      try {
        std::ignore = pool.allocate(bytes);
        ADD_FAILURE() << "memory that there is not was handed out";
      } catch (const pinned_allocation_error& error) {
        EXPECT_EQ(error.code(), cudaErrorMemoryAllocation);
        EXPECT_STRNE(error.what(), "");
      }
      EXPECT_EQ(pool.now().held_bytes, now.held_bytes);
      EXPECT_EQ(pool.now().in_use_bytes, now.in_use_bytes);
    }
    {
      const stream on;
      const simt::scoped_failure failing(simt::fault::event_creation);
      EXPECT_THROW(pool.retire(kept, 1000, on), cuda_error);
    }
    EXPECT_EQ(pool.now().in_use_bytes, now.in_use_bytes) << "the block is still the caller's";
    pool.deallocate(kept, 1000);
    EXPECT_EQ(pool.allocate(1000), kept);
    cudaGetLastError();
  }
  EXPECT_EQ(simt::live_objects(), before);
}
#endif

}  // namespace

void add_pool_tests() {
  const auto add = [](const char* name, std::function<void()> body) {
    device_test::add("Transfer/pinned_pool", name, std::move(body));
  };
  add("reuse", reuse);
  add("blocks", blocks);
  add("containers", containers);
  add("retire", retire);
  add("refuses", refuses);
  add("release", release);
  add("threads", threads);
#ifdef WARPLADDER_HOST_EXECUTOR
  add("failures", failures);
#endif
}

}  // namespace warpladder::test
