// SPDX-License-Identifier: Apache-2.0
//
// warpladder::transfer::copier: exact bytes, order, cancellation, failures at every place.

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <warpladder/core/stream.hpp>
#include <warpladder/transfer.hpp>

#include "support/backend.hpp"
#include "support/gate.hpp"
#include "support/transfer_case.hpp"
#include "transfer_test_kernels.hpp"

namespace warpladder::test {
namespace {

using transfer::copier, transfer::copier_options, transfer::outcome, transfer::stores;

/// Small chunks, so that small copies go through many and wake all threads; and nothing left to the
/// runtime.
copier_options small_chunks(unsigned threads, std::size_t chunk_bytes = 512) {
  return {.threads = threads,
          .chunks = 2 * threads,
          .chunk_bytes = chunk_bytes,
          .direct_below = 0,
          .small_up_to = 0};
}

outcome copy(copier& with, transfer_ends& ends, stream_view on, std::stop_token stop = {}) {
  return ends.way == direction::to_device
             ? with.to_device(ends.to(), ends.from(), ends.bytes, on, std::move(stop))
             : with.to_host(ends.to(), ends.from(), ends.bytes, on, std::move(stop));
}

void expect_right(copier& with, transfer_ends& ends, stream_view on) {
  const outcome ended = copy(with, ends, on);
  EXPECT_FALSE(ended.cancelled);
  EXPECT_EQ(ended.bytes, ends.bytes);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_TRUE(ends.arrived());
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "an error was left behind";
}

/// The copier still works, in a stream that has seen everything before.
void expect_usable(copier& with, stream_view on) {
  for (const direction way : both_ways) {
    transfer_ends ends(way, 5000, 1, 2);
    expect_right(with, ends, on);
  }
}

const char* name(direction way) {
  return way == direction::to_device ? "to_device" : "to_host";
}

// ---- Right bytes --------------------------------------------------------------------------------

void exact() {
  const stream on;
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    for (const std::size_t chunk : {std::size_t{64}, std::size_t{500}, std::size_t{4096}}) {
      copier_options options = small_chunks(threads, chunk);
      options.chunks = threads * (1 + threads % 3);
      options.piece_bytes = chunk / (1 + threads % 4);
      options.stores = threads % 2 == 0 ? stores::streaming : stores::cached;
      copier with(options);
      SCOPED_TRACE(with.describe());
      const std::size_t ring = options.chunks * chunk;
      for (const std::size_t bytes :
           {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, 2 * chunk + 3, ring - 1,
            ring, ring + 1, 3 * ring + 17, std::size_t{20'011}}) {
        for (const direction way : both_ways) {
          const int host_offset = int(bytes % 5), device_offset = int(bytes % 3);
          SCOPED_TRACE(::testing::Message() << name(way) << ", " << bytes << " bytes");
          transfer_ends ends(way, bytes, host_offset, device_offset);
          expect_right(with, ends, on);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

void alignments() {
  const stream on;
  for (const stores how : {stores::cached, stores::streaming}) {
    copier_options options = small_chunks(2, 256);
    options.stores = how;
    copier with(options);
    for (const int host_offset : {0, 1, 3, 8, 15, 63}) {
      for (const int device_offset : {0, 1, 4, 7}) {
        for (const std::size_t bytes : {1, 63, 64, 65, 127, 128, 1001}) {
          for (const direction way : both_ways) {
            transfer_ends ends(way, bytes, host_offset, device_offset);
            expect_right(with, ends, on);
            if (::testing::Test::HasFailure()) return;
          }
        }
      }
    }
  }
}

/// As it chooses by itself, through the runtime and through the ring.
void defaults() {
  const stream on;
  copier with;
  EXPECT_GE(with.chosen().threads, 1u);
  EXPECT_NE(with.describe().find("thread"), std::string::npos);
  for (const std::size_t bytes :
       {std::size_t{1}, (std::size_t{64} << 10) - 1, std::size_t{64} << 10, std::size_t{200'001},
        std::size_t{3'000'001}, (std::size_t{64} << 20) + 1}) {
    for (const direction way : both_ways) {
      transfer_ends ends(way, bytes, 1, 1);
      expect_right(with, ends, on);
    }
  }
}

/// Page-locked, registered and managed memory goes without staging, and has arrived at the return.
void other_memory() {
  const stream on;
  copier with(small_chunks(2));
  for (const direction way : both_ways) {
    transfer_ends pinned(way, 5000, 1, 1, /*page_locked=*/true);
    expect_right(with, pinned, on);

    transfer_ends registered(way, 20'000, 0, 0);
    // Whole pages inside of it: the rest of the copy is not registered.
    const auto address = reinterpret_cast<std::uintptr_t>(registered.host.data());
    void* const page = reinterpret_cast<void*>((address + 4095) / 4096 * 4096);
    ASSERT_EQ(cudaHostRegister(page, 8192, cudaHostRegisterDefault), cudaSuccess);
    expect_right(with, registered, on);
    EXPECT_EQ(cudaHostUnregister(page), cudaSuccess);
  }
  int has_managed = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&has_managed, cudaDevAttrManagedMemory, 0), cudaSuccess);
  if (has_managed == 0) return;
  void* managed = nullptr;
  ASSERT_EQ(cudaMallocManaged(&managed, 5000, cudaMemAttachGlobal), cudaSuccess);
  transfer_ends there(direction::to_device, 5000), back(direction::to_host, 5000);
  std::ignore = with.to_device(managed, there.host.data(), 5000, on);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  std::ignore = with.to_host(back.host.data(), managed, 5000, on);
  EXPECT_TRUE(back.host.holds(1));
  EXPECT_EQ(cudaFree(managed), cudaSuccess);
}

// ---- Order --------------------------------------------------------------------------------------

/// Work before the copy still uses its destination, or makes its source; work behind reads the
/// destination, or overwrites the source. The copy is submitted while the work before cannot begin.
void expect_order(copier& with, stream_view on, std::size_t bytes, bool page_locked) {
  {
    transfer_ends ends(direction::to_device, bytes, 0, 0, page_locked);
    device_memory before(bytes, 0), behind(bytes, 0);
    ends.device.fill(2);
    gate closed(on);
    ASSERT_EQ(copy_by_kernel(before.data(), ends.device.data(), bytes, on), cudaSuccess);
    const copier_options& chosen = with.chosen();
    const std::size_t ring = chosen.chunks * chosen.chunk_bytes;
    if (bytes > ring || page_locked) closed.open_soon();
    EXPECT_EQ(copy(with, ends, on).bytes, bytes);
    ends.host.wipe();  // the source may be reused
    ASSERT_EQ(copy_by_kernel(behind.data(), ends.device.data(), bytes, on), cudaSuccess);
    closed.open();
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_TRUE(before.holds(2)) << "the copy overtook work that was submitted before";
    EXPECT_TRUE(behind.holds(1)) << "overtaken by later work, or the source was read too late";
  }
  transfer_ends ends(direction::to_host, bytes, 0, 0, page_locked);
  device_memory made(bytes, 0), other(bytes, 0);
  made.fill(3), other.fill(4);
  gate closed(on);
  ASSERT_EQ(copy_by_kernel(ends.device.data(), made.data(), bytes, on), cudaSuccess);
  closed.open_soon();
  EXPECT_EQ(copy(with, ends, on).bytes, bytes);
  EXPECT_TRUE(ends.host.holds(3)) << "the copy overtook work, or returned before its end";
  ASSERT_EQ(copy_by_kernel(ends.device.data(), other.data(), bytes, on), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
}

void ordered() {
  const stream own;
  for (const unsigned threads : {1u, 3u}) {
    copier with(small_chunks(threads));
    SCOPED_TRACE(with.describe());
    for (const cudaStream_t on : {own.get(), cudaStreamPerThread, cudaStream_t{}}) {
      expect_order(with, on, 700, false);
      expect_order(with, on, 30'011, false);
      expect_order(with, on, 5000, true);
    }
  }
}

/// Chunks that still travel in one stream are not filled for another.
void chunks_of_another_stream() {
  const stream slow, fast;
  copier with(small_chunks(2));
  transfer_ends there(direction::to_device, 4 * 512), back(direction::to_host, 4 * 512);
  back.device.fill(5);
  gate closed(slow);
  EXPECT_EQ(copy(with, there, slow).bytes, there.bytes);
  closed.open_soon();
  EXPECT_EQ(copy(with, back, fast).bytes, back.bytes);
  ASSERT_EQ(cudaStreamSynchronize(slow), cudaSuccess);
  EXPECT_TRUE(there.arrived());
  EXPECT_TRUE(back.host.holds(5));
}

/// Copies of both directions one after the other in several streams share the chunks.
void many_copies() {
  const stream streams[3];
  copier with(small_chunks(3));
  std::mt19937 random(5);
  std::vector<std::unique_ptr<transfer_ends>> all;
  for (int i = 0; i < (sanitized ? 20 : 60); ++i) {
    const direction way = both_ways[random() % 2];
    all.push_back(std::make_unique<transfer_ends>(way, random() % 9000, int(random() % 9)));
    EXPECT_EQ(copy(with, *all.back(), streams[random() % 3]).bytes, all.back()->bytes);
  }
  for (const stream& on : streams) ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  for (const auto& ends : all) EXPECT_TRUE(ends->arrived());
}

/// The same when independent streams run in the order that a seed decides, early or late.
void random_streams() {
  many_copies();
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.streams = simt::stream_order::random;
  for (options.stream_seed = 1; options.stream_seed <= (sanitized ? 3 : 10);
       ++options.stream_seed) {
    SCOPED_TRACE(options.stream_seed);
    const simt::scoped_options scope(options);
    many_copies();
  }
#endif
}

void special_streams() {
  copier with(small_chunks(3));
  for (const cudaStream_t on : {cudaStream_t{}, cudaStreamLegacy, cudaStreamPerThread}) {
    for (const direction way : both_ways) {
      transfer_ends ends(way, 20'000);
      device_memory behind(20'000, 0);
      expect_right(with, ends, on);
      ASSERT_EQ(copy_by_kernel(behind.data(), ends.device.data(), 20'000, on), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
      EXPECT_TRUE(behind.holds(1));
    }
  }
}

/// Two copiers at once, and one for two threads.
void threads() {
  copier first(small_chunks(2)), second(small_chunks(3));
  std::vector<std::jthread> callers;
  for (copier* with : {&first, &second, &second}) {
    callers.emplace_back([with] {
      const stream on;
      for (int i = 0; i < 10; ++i) expect_usable(*with, on);
    });
  }
}

// ---- What is refused ----------------------------------------------------------------------------

void capture() {
  const stream on;
  copier with(small_chunks(2));
  transfer_ends ends(direction::to_device, 3000);
  device_memory made(3000, 0);
  cudaGraph_t graph{};
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(copy_by_kernel(made.data(), ends.device.data(), 3000, on), cudaSuccess);
  try {
    std::ignore = copy(with, ends, on);
    ADD_FAILURE() << "a capturing stream was accepted";
  } catch (const cuda_error& error) {
    EXPECT_EQ(error.code(), cudaErrorStreamCaptureUnsupported);
  }
  ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess) << "the capture was invalidated";
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_TRUE(ends.arrived(0));
  expect_usable(with, on);
}

/// Another thread's capture does not mind copies in other streams.
void beside_a_capture() {
  const stream on, captured;
  copier with(small_chunks(3));
  transfer_ends there(direction::to_device, 9000), back(direction::to_host, 9000);
  cudaGraph_t graph{};
  ASSERT_EQ(cudaStreamBeginCapture(captured, cudaStreamCaptureModeGlobal), cudaSuccess);
  std::thread([&] {
    EXPECT_EQ(copy(with, there, on).bytes, 9000u);
    EXPECT_EQ(copy(with, back, on).bytes, 9000u);
  }).join();
  ASSERT_EQ(cudaStreamEndCapture(captured, &graph), cudaSuccess) << "the capture was invalidated";
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_TRUE(there.arrived());
  EXPECT_TRUE(back.arrived());
}

void illegal() {
  const stream on;
  copier with(small_chunks(2));
  transfer_ends ends(direction::to_device, 3000);
  void* const device = ends.device.data();
  void* const host = ends.host.data();
  EXPECT_THROW(std::ignore = with.to_device(nullptr, host, 3000, on), std::invalid_argument);
  EXPECT_THROW(std::ignore = with.to_device(device, nullptr, 3000, on), std::invalid_argument);
  EXPECT_THROW(std::ignore = with.to_device(host, device, 3000, on), std::invalid_argument);
  EXPECT_THROW(std::ignore = with.to_host(device, host, 3000, on), std::invalid_argument);
  EXPECT_THROW(std::ignore = with.to_device(device, device, 3000, on), std::invalid_argument);
  EXPECT_EQ(with.to_device(nullptr, nullptr, 0, on).bytes, 0u);
  EXPECT_THROW(copier({.threads = 1000}), std::invalid_argument);
  EXPECT_THROW(copier({.chunk_bytes = SIZE_MAX}), std::invalid_argument);
  EXPECT_TRUE(ends.arrived(0));
  expect_usable(with, on);
}

// ---- Cancelling ---------------------------------------------------------------------------------

/// One thread with k chunks comes as far as k chunks while the stream is stopped, and no further.
void cancel_at_every_chunk() {
  for (const direction way : both_ways) {
    for (unsigned chunks = 1; chunks <= 8; ++chunks) {
      SCOPED_TRACE(::testing::Message() << name(way) << ", " << chunks << " chunks");
      const stream on;
      copier_options options = small_chunks(1);
      options.chunks = chunks;
      copier with(options);
      transfer_ends ends(way, 10 * 512 + 3);
      std::stop_source stop;
      outcome ended{};
      {
        gate closed(on);
        std::jthread caller([&] { ended = copy(with, ends, on, stop.get_token()); });
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        stop.request_stop();
        closed.open();
      }
      ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
      EXPECT_TRUE(ended.cancelled);
      EXPECT_LE(ended.bytes, chunks * 512u);  // fewer, if the caller was slow to come so far
      EXPECT_EQ(ended.bytes % 512, 0u);
      EXPECT_TRUE(ends.arrived(ended.bytes));
      expect_usable(with, on);
    }
  }
}

void cancelled_before() {
  const stream on;
  copier with(small_chunks(3));
  std::stop_source stop;
  stop.request_stop();
  for (const direction way : both_ways) {
    for (const bool page_locked : {false, true}) {
      transfer_ends ends(way, 5000, 0, 0, page_locked);
      const outcome ended = copy(with, ends, on, stop.get_token());
      EXPECT_TRUE(ended.cancelled);
      EXPECT_EQ(ended.bytes, 0u);
      EXPECT_TRUE(ends.arrived(0));
    }
  }
  expect_usable(with, on);
}

/// At any moment, with several threads: what is said to have arrived has, and nothing else.
void cancelled_sometime() {
  const stream on;
  copier with(small_chunks(4));
  std::mt19937 random(7);
  for (int i = 0; i < (sanitized ? 10 : 40); ++i) {
    transfer_ends ends(both_ways[i % 2], on_gpu ? 400'000 : 100'000);
    std::stop_source stop;
    std::jthread canceller([&, wait = random() % 2000] {
      std::this_thread::sleep_for(std::chrono::microseconds(wait));
      stop.request_stop();
    });
    const outcome ended = copy(with, ends, on, stop.get_token());
    canceller.join();
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_EQ(ended.cancelled, ended.bytes < ends.bytes);
    ASSERT_TRUE(ends.arrived(ended.bytes));
  }
  expect_usable(with, on);
}

// ---- Failures -----------------------------------------------------------------------------------

/// The destination, or the source, ends in the middle: the chunks behind cannot be submitted.
void past_the_end() {
  const stream on;
  const std::size_t chunk = std::size_t{1} << 20, bytes = 12 * chunk, there = 4 * chunk;
  for (const unsigned threads : {1u, 4u}) {
    copier with(small_chunks(threads, chunk));
    const device_buffer<unsigned char> device(there);
    std::vector<unsigned char> host(bytes, 1);
    EXPECT_THROW(std::ignore = with.to_device(device.data(), host.data(), bytes, on), cuda_error);
    EXPECT_THROW(std::ignore = with.to_host(host.data(), device.data(), bytes, on), cuda_error);
    cudaGetLastError();
    expect_usable(with, on);
  }
}

#ifdef WARPLADDER_HOST_EXECUTOR

/// Whatever fails in the constructor: it throws and keeps nothing.
void construction_fails() {
  for (const simt::fault where : {simt::fault::pinned_allocation, simt::fault::event_creation}) {
    const simt::object_counts before = simt::live_objects();
    for (unsigned after = 0;; ++after) {
      ASSERT_LT(after, 100u);
      const simt::scoped_failure failing(where, after);
      bool failed = false;
      try {
        copier with(small_chunks(3));
      } catch (const cuda_error&) {
        failed = true;
      }
      EXPECT_EQ(failed, failing.count() > 0);
      EXPECT_EQ(simt::live_objects(), before);
      cudaGetLastError();
      if (!failed) break;
    }
  }
}

/// Whichever copy of the engine fails, when it is submitted or when it runs: the call throws, or,
/// if it was over, the stream tells; and the copier works on.
void copy_fails(simt::fault where) {
  for (const direction way : both_ways) {
    for (const unsigned threads : {1u, 4u}) {
      const simt::object_counts before = simt::live_objects();
      {
        const stream on;
        copier with(small_chunks(threads));
        for (unsigned after = 0;; ++after) {
          SCOPED_TRACE(::testing::Message()
                       << name(way) << ", " << threads << " threads, copy " << after << " fails");
          ASSERT_LT(after, 100u);
          transfer_ends ends(way, 20 * 512 + 5);
          bool failed = false;
          std::uint64_t injected = 0;
          {
            const simt::scoped_failure failing(where, after);
            try {
              EXPECT_EQ(copy(with, ends, on).bytes, ends.bytes);
            } catch (const cuda_error&) {
              failed = true;
            }
            // Errors of the last chunks surface behind the call, as those of any copy.
            failed |= cudaStreamSynchronize(on) != cudaSuccess;
            failed |= cudaDeviceSynchronize() != cudaSuccess;
            injected = failing.count();
          }
          EXPECT_EQ(failed, injected > 0) << "a failure was lost, or made up";
          cudaGetLastError();
          expect_usable(with, on);
          if (injected == 0) break;
        }
      }
      EXPECT_EQ(simt::live_objects(), before);
    }
  }
}

/// When the call throws, nothing of it is under way any more.
void drained() {
  copier with(small_chunks(2));
  const stream on;
  transfer_ends ends(direction::to_device, 20 * 512);
  gate closed(on);
  const simt::scoped_failure failing(simt::fault::copy_submit, 2);
  closed.open_soon();
  EXPECT_THROW(std::ignore = copy(with, ends, on), cuda_error);
  EXPECT_EQ(cudaStreamQuery(on), cudaSuccess);
  cudaGetLastError();
}

#endif

}  // namespace

void add_copier_tests() {
  const auto add = [](const char* name, std::function<void()> body) {
    device_test::add("Transfer/copier", name, std::move(body));
  };
  add("exact", exact);
  add("alignments", alignments);
  add("defaults", defaults);
  add("other_memory", other_memory);
  add("ordered", ordered);
  add("chunks_of_another_stream", chunks_of_another_stream);
  add("random_streams", random_streams);
  add("special_streams", special_streams);
  add("threads", threads);
  add("capture", capture);
  add("beside_a_capture", beside_a_capture);
  add("illegal", illegal);
  add("cancel_at_every_chunk", cancel_at_every_chunk);
  add("cancelled_before", cancelled_before);
  add("cancelled_sometime", cancelled_sometime);
  add("past_the_end", past_the_end);
#ifdef WARPLADDER_HOST_EXECUTOR
  add("construction_fails", construction_fails);
  add("drained", drained);
  add("submission_fails", [] { copy_fails(simt::fault::copy_submit); });
  add("execution_fails", [] { copy_fails(simt::fault::copy_execution); });
#endif
}

}  // namespace warpladder::test
