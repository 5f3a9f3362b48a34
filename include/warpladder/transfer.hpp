// SPDX-License-Identifier: Apache-2.0
//
// Pageable host memory to and from the device at the speed of page-locked memory:
//
//   warpladder::transfer::copier copier;            // once: locks a ring, starts threads
//
//   copier.to_device(device, host, bytes, stream);  // ordered in the stream, like any copy
//   copier.to_host(host, device, bytes, stream);    // complete when it returns
//
// Needs the CUDA runtime alone. How it works and what it gains: docs/transfer.md.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/error.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/math.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pinned_pool.hpp>
#include <warpladder/transfer/detail/relay.hpp>
#include <warpladder/transfer/staging.hpp>

#ifdef __linux__
#include <sched.h>
#endif

namespace warpladder::transfer {

/// How a copier works; what is 0 or empty is chosen from the machine or from the size of each copy.
/// All of it can be left alone.
struct copier_options {
  unsigned threads = 0;         ///< with the calling one; at most 64
  unsigned chunks = 0;          ///< of the ring; at most 64
  std::size_t chunk_bytes = 0;  ///< of the ring, and so the largest copy by the device
  std::size_t piece_bytes = 0;  ///< the largest copy by a thread
  std::optional<transfer::stores> stores = {};  ///< how threads write chunks and destinations
  /// Copies of less than this are left to the runtime, which stages them in one piece.
  std::size_t direct_below = std::size_t{2} << 20;
  /// Copies of up to this much are done by a few threads, so as not to wait for the others to wake
  /// up, and in small chunks, so that the pipeline fills.
  std::size_t small_up_to = std::size_t{64} << 20;
  std::chrono::nanoseconds patience = detail::usual_patience;  ///< polled so long before it sleeps
};

/// How a copy ended.
struct [[nodiscard]] outcome {
  bool cancelled = false;
  /// Bytes from the beginning on that were copied: all of them, or what had been begun when the
  /// copy was cancelled. Bytes behind were neither read nor written.
  std::size_t bytes = 0;
};

namespace detail {

/// Processors that this process may use: a container or a batch system may have taken some away.
inline unsigned usable_processors() {
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return unsigned(CPU_COUNT(&allowed));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

inline copier_options chosen_from_machine(copier_options o) {
  const auto refuse_above = [](std::size_t value, std::size_t most, const char* what) {
    if (value > most) throw std::invalid_argument(std::string("copier: too many ") + what);
  };
  refuse_above(o.threads, 64, "threads");
  refuse_above(o.chunks, relay::most_places, "chunks");
  refuse_above(o.chunk_bytes, std::size_t{1} << 40, "bytes in a chunk");
  // A core copies 5 to 10 GB/s, PCIe 5 moves 55: twelve leave something for those that share their
  // time with others, and more gain nothing.
  if (o.threads == 0) o.threads = std::min(usable_processors(), 12u);
  if (o.chunks == 0) o.chunks = 8;
  if (o.chunk_bytes == 0) o.chunk_bytes = std::size_t{4} << 20;
  o.chunk_bytes = round_up(o.chunk_bytes, std::size_t{64});
  return o;
}

/// How one copy is done.
struct staging_plan {
  unsigned threads;  // with the calling one
  std::size_t piece_bytes, pieces_per_chunk;
  transfer::stores stores;
};

/// What an H100's machine with 16 cores liked best: docs/transfer.md, Worklog. A few threads that
/// write past the caches fill the bus as long as the source lies in them; beyond, reading takes as
/// long as writing, and it takes all threads.
inline staging_plan plan_for(const copier_options& o, std::size_t bytes) {
  constexpr std::size_t kib = 1024;
  const bool small = bytes <= o.small_up_to;
  const std::size_t few = std::clamp<std::size_t>(bytes / (256 * kib), 1, 4);
  std::size_t piece = o.piece_bytes != 0 ? o.piece_bytes : (bytes <= 8192 * kib ? 64 : 128) * kib;
  piece = std::min(round_up(piece, std::size_t{64}), o.chunk_bytes);
  const std::size_t chunk =
      small ? std::clamp<std::size_t>(bytes / 8, 256 * kib, 2048 * kib) : o.chunk_bytes;
  return {.threads = small ? unsigned(std::min<std::size_t>(few, o.threads)) : o.threads,
          .piece_bytes = piece,
          .pieces_per_chunk = std::max<std::size_t>(std::min(chunk, o.chunk_bytes) / piece, 1),
          .stores = o.stores.value_or(small ? stores::streaming : stores::cached)};
}

inline cudaMemoryType memory_type(const void* pointer) {
  cudaPointerAttributes attributes{};
  WARPLADDER_TRY(cudaPointerGetAttributes(&attributes, pointer));
  return attributes.type;
}

}  // namespace detail

/// Moves pageable host memory to and from the device through a ring of page-locked chunks, which
/// several threads fill or empty while the copy engine moves others.
///
/// One copier does one copy at a time: calls from several threads wait for each other. A copier
/// belongs to the device that was current when it was made, and so must streams and memory.
class copier {
 public:
  using options = copier_options;

  /// Locks the ring in memory (32 MiB, 0.4 ms per MiB) and starts the threads, which sleep
  /// between copies. Throws std::invalid_argument, warpladder::cuda_error or std::system_error, and
  /// keeps nothing then.
  explicit copier(const options& wanted = {});
  copier(const copier&) = delete;
  copier& operator=(const copier&) = delete;
  /// Waits for the copies that still read its chunks. No call may be under way.
  ~copier() = default;

  /// Copies `bytes` bytes of host memory to the device, any alignment, ordered in the stream `on`
  /// like any other work. Returns when `host` may be reused: its bytes are on the device or in the
  /// ring, whose last chunks may still be under way. What is larger than the ring waits for work
  /// that was submitted to `on` before. Memory that is page-locked or managed goes without staging,
  /// and returns when it has arrived.
  ///
  /// Cancelling: `stop` is looked at before each chunk. What was begun is finished, so the work
  /// before it in the stream is waited for; the stream is usable afterwards.
  ///
  /// Illegal arguments throw std::invalid_argument with the reason, and a stream that is capturing
  /// warpladder::cuda_error with cudaErrorStreamCaptureUnsupported; both before anything ran, and
  /// the capture goes on. A failure in the middle throws warpladder::cuda_error when all threads
  /// have stopped and the stream has been waited for; the destination holds any part of the source
  /// then, and the copier works on, unless the error is one that ends all work on the device.
  outcome to_device(void* device, const void* host, std::size_t bytes, stream_view on,
                    std::stop_token stop = {}) {
    return copy(direction::to_device, device, host, bytes, on, std::move(stop));
  }

  /// Copies `bytes` bytes of the device to host memory, after all work submitted to `on` before.
  /// Returns when all of them are in `host`. The rest is as of to_device().
  outcome to_host(void* host, const void* device, std::size_t bytes, stream_view on,
                  std::stop_token stop = {}) {
    return copy(direction::to_host, host, device, bytes, on, std::move(stop));
  }

  /// What was chosen from the machine; what is chosen for each copy is as it was given.
  const options& chosen() const noexcept { return options_; }
  /// In words: "12 threads, a ring of 8 chunks of 4 MiB".
  std::string describe() const;

 private:
  outcome copy(direction way, void* to, const void* from, std::size_t bytes, stream_view on,
               std::stop_token stop);
  outcome staged(direction way, void* to, const void* from, std::size_t bytes, stream_view on,
                 std::stop_token stop);
  cudaError_t conduct(detail::relay& job, std::size_t helpers, stream_view on);
  void wake_two();
  void serve(const std::stop_token& leave);

  const options options_;
  staging staging_;
  event arrived_;
  std::mutex calls_;  // held during a call

  // What the threads wait for. All of it under `mutex_`.
  std::mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable idle_;
  detail::relay* job_ = nullptr;
  std::size_t wanted_ = 0;  // threads that are still to take part
  std::size_t asleep_ = 0;  // of which nobody has woken
  std::size_t active_ = 0;  // threads that take part

  // Last: they end before anything that they use. std::jthread, as the standard library has no pool
  // of threads, and this one needs no queue: all do the same piece of work.
  std::vector<std::jthread> threads_;
};

inline copier::copier(const options& wanted)
    : options_(detail::chosen_from_machine(wanted)),
      staging_(options_.chunks, options_.chunk_bytes),
      arrived_(event::timing::off, event::host_wait::sleeps) {
  threads_.reserve(options_.threads - 1);
  for (unsigned thread = 1; thread < options_.threads; ++thread)
    threads_.emplace_back([this](std::stop_token leave) { serve(leave); });
}

inline std::string copier::describe() const {
  const std::size_t kib = options_.chunk_bytes >> 10;
  const std::string chunk = options_.chunk_bytes % 1024 != 0
                                ? std::to_string(options_.chunk_bytes) + " bytes"
                            : kib % 1024 != 0 ? std::to_string(kib) + " KiB"
                                              : std::to_string(kib >> 10) + " MiB";
  const auto manner = [&] {
    if (!options_.stores) return "";
    return *options_.stores == stores::streaming ? ", streaming stores" : ", cached stores";
  };
  return std::to_string(options_.threads) + " threads, a ring of " +
         std::to_string(options_.chunks) + " chunks of " + chunk + manner();
}

inline outcome copier::copy(direction way, void* to, const void* from, std::size_t bytes,
                            stream_view on, std::stop_token stop) {
  const std::lock_guard one_at_a_time(calls_);
  const beside_captures unaffected;
  WARPLADDER_TRY(refuse_capture(on));
  if (bytes == 0) return {};
  if (const std::string_view why = detail::explain_invalid(to, from, bytes); !why.empty())
    throw std::invalid_argument("copier: " + std::string(why));

  const bool to_device = way == direction::to_device;
  const cudaMemoryType device = detail::memory_type(to_device ? to : from);
  if (device != cudaMemoryTypeDevice && device != cudaMemoryTypeManaged)
    throw std::invalid_argument("copier: what is to be device memory is host memory");
  const auto* const host = static_cast<const std::byte*>(to_device ? from : to);
  const cudaMemoryType begin = detail::memory_type(host);
  if (begin == cudaMemoryTypeDevice)
    throw std::invalid_argument("copier: what is to be host memory is device memory");
  const bool pageable = begin == cudaMemoryTypeUnregistered ||
                        detail::memory_type(host + bytes - 1) == cudaMemoryTypeUnregistered;

  if (stop.stop_requested()) return {.cancelled = true};
  if (pageable && bytes >= options_.direct_below)
    return staged(way, to, from, bytes, on, std::move(stop));

  WARPLADDER_TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, on));
  if (!pageable) {  // else the runtime has staged it, or waited
    on.record(arrived_);
    WARPLADDER_TRY(detail::wait_for(arrived_, options_.patience));
  }
  return {.bytes = bytes};
}

inline outcome copier::staged(direction way, void* to, const void* from, std::size_t bytes,
                              stream_view on, std::stop_token stop) {
  const detail::staging_plan plan = detail::plan_for(options_, bytes);
  detail::relay job(way, to, from, bytes, staging_.view(),
                    {.piece_bytes = plan.piece_bytes,
                     .pieces_per_chunk = plan.pieces_per_chunk,
                     .stores = plan.stores,
                     .patience = options_.patience,
                     .stop = std::move(stop)});
  const std::size_t threads = std::min<std::size_t>(plan.threads, job.pieces());
  const cudaError_t status = conduct(job, threads - 1, on);
  if (status != cudaSuccess) {
    // Chunks may be under way of which no event tells. What this call returns is what is thrown, or
    // what follows from it.
    static_cast<void>(cudaStreamSynchronize(on));
    WARPLADDER_TRY(status);
  }
  return {.cancelled = job.copied_bytes() < bytes, .bytes = job.copied_bytes()};
}

/// Conducts `job` with so many other threads, or as many of them as wake up before it is over.
///
/// Waking a thread costs the waker 2 to 5 us. So the caller wakes two, and each of those two more:
/// 11 are awake after four generations, while the caller has begun with the first piece.
inline cudaError_t copier::conduct(detail::relay& job, std::size_t helpers, stream_view on) {
  if (helpers == 0) return job.conduct(on);
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    wanted_ = asleep_ = helpers;
  }
  wake_two();
  const cudaError_t status = job.conduct(on);
  std::unique_lock lock(mutex_);
  wanted_ = asleep_ = 0;  // who wakes up now finds nothing to do
  idle_.wait(lock, [this] { return active_ == 0; });
  job_ = nullptr;
  return status;
}

inline void copier::wake_two() {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    count = std::min<std::size_t>(asleep_, 2);
    asleep_ -= count;
  }
  for (; count > 0; --count) work_.notify_one();
}

/// The life of the other threads.
inline void copier::serve(const std::stop_token& leave) {
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, leave, [this] { return wanted_ > 0; })) {
    --wanted_;
    ++active_;
    detail::relay& job = *job_;
    lock.unlock();
    wake_two();
    job.help();
    lock.lock();
    if (--active_ == 0) idle_.notify_one();
  }
}

}  // namespace warpladder::transfer
