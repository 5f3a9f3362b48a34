// SPDX-License-Identifier: Apache-2.0
//
// Pageable host memory to and from the device at the speed of page-locked memory:
//
//   warpladder::transfer::copier copier;              // once: locks a ring of chunks, starts
//   threads copier.to_device(device, host, bytes, stream);    // ordered in the stream, like any
//   copy copier.to_host(host, device, bytes, stream);      // complete when it returns
//
// Needs the CUDA runtime alone. How it works and what it gains: docs/transfer.md.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/error.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pinned_pool.hpp>
#include <warpladder/transfer/detail/pieces.hpp>
#include <warpladder/transfer/staging.hpp>

#ifdef __linux__
#include <sched.h>
#endif

namespace warpladder::transfer {

/// How a copier works; what is 0 is chosen from the machine. All of it can be left alone.
struct copier_options {
  unsigned threads = 0;            ///< with the calling one; at most 64
  std::size_t chunk_bytes = 0;     ///< largest piece of a copy; rounded up to a multiple of 64
  unsigned chunks_per_thread = 0;  ///< at most 16 are used
  unsigned streams = 0;            ///< 0: copies are submitted to the caller's stream itself; n: to
                                   ///< n streams that follow it, then it follows them; at most 16
  transfer::stores stores = stores::cached;  ///< how threads write chunks and destinations
  /// Copies of less than this are left to the runtime, which stages them in one piece.
  std::size_t direct_below = std::size_t{64} << 10;
  std::size_t smallest_piece = std::size_t{64} << 10;  ///< chunk_bytes, if that is less
  /// A thread takes part for every so many bytes: waking it takes the time in which another copies
  /// some 50 KB.
  std::size_t bytes_per_thread = std::size_t{128} << 10;
  unsigned pieces_per_thread = 4;  ///< of a copy that the ring holds: so many for overlap
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
  const auto refuse_above = [](unsigned value, unsigned most, const char* what) {
    if (value > most) throw std::invalid_argument(std::string("copier: too many ") + what);
  };
  refuse_above(o.threads, 64, "threads");
  refuse_above(o.chunks_per_thread, 16, "chunks per thread");
  refuse_above(o.streams, 16, "streams");
  if (o.chunk_bytes > std::size_t{1} << 40) throw std::invalid_argument("copier: huge chunks");
  // A core copies about 10 GB/s, PCIe 5 moves 55: what 16 cores do above that is for the time that
  // they spend asleep or share with others.
  if (o.threads == 0) o.threads = std::min(usable_processors(), 16u);
  if (o.chunk_bytes == 0) o.chunk_bytes = std::size_t{2} << 20;
  if (o.chunks_per_thread == 0) o.chunks_per_thread = 2;  // one travels while one is copied
  o.pieces_per_thread = std::max(o.pieces_per_thread, 1u);
  o.bytes_per_thread = std::max<std::size_t>(o.bytes_per_thread, 1);
  o.chunk_bytes = (o.chunk_bytes + 63) / 64 * 64;
  o.smallest_piece = std::clamp<std::size_t>(o.smallest_piece, 64, o.chunk_bytes);
  return o;
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

  /// Locks the ring in memory (about 0.4 ms per MiB) and starts the threads, which sleep between
  /// copies. Throws std::invalid_argument, warpladder::cuda_error or std::system_error, and keeps
  /// nothing then.
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

  /// What was chosen, nothing being 0 any more but `streams`.
  const options& chosen() const noexcept { return options_; }
  /// In words: "8 threads, each with 2 chunks of 2 MiB, copies on the caller's stream".
  std::string describe() const;

 private:
  struct job {
    detail::pieces* all;
    stream_view on;
    std::span<const stream> lanes;
  };

  outcome copy(direction way, void* to, const void* from, std::size_t bytes, stream_view on,
               std::stop_token stop);
  outcome staged(direction way, void* to, const void* from, std::size_t bytes, stream_view on,
                 std::stop_token stop);
  std::span<const stream> lanes_of(stream_view on) const;
  void work(const job& what, unsigned thread);
  void share_out(const job& what, unsigned helpers);
  void wake_two();
  void serve(const std::stop_token& leave, unsigned thread);
  cudaError_t fork(stream_view on, std::span<const stream> lanes);
  cudaError_t join(stream_view on, std::span<const stream> lanes);

  const options options_;
  int device_ = 0;
  staging staging_;
  std::vector<stream> lanes_;
  std::vector<event> joins_;
  event fork_, arrived_;
  std::mutex calls_;  // held during a call

  // What the threads wait for. All of it under `mutex_`.
  std::mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable idle_;
  const job* job_ = nullptr;
  unsigned wanted_ = 0;  // threads that are still to take part
  unsigned asleep_ = 0;  // of which nobody has woken
  unsigned active_ = 0;  // threads that take part

  // Last: they end before anything that they use. std::jthread, as the standard library has no pool
  // of threads, and this one needs no queue: all do the same piece of work.
  std::vector<std::jthread> threads_;
};

inline copier::copier(const options& wanted)
    : options_(detail::chosen_from_machine(wanted)),
      staging_(std::size_t{options_.threads} * options_.chunks_per_thread, options_.chunk_bytes),
      lanes_(std::max(options_.streams, 1u)),
      joins_(lanes_.size()),
      arrived_(event::timing::off, event::host_wait::sleeps) {
  WARPLADDER_TRY(cudaGetDevice(&device_));
  threads_.reserve(options_.threads - 1);
  for (unsigned thread = 1; thread < options_.threads; ++thread)
    threads_.emplace_back([this, thread](std::stop_token leave) { serve(leave, thread); });
}

inline std::string copier::describe() const {
  const std::size_t kib = options_.chunk_bytes >> 10;
  const std::string chunk = options_.chunk_bytes % 1024 != 0
                                ? std::to_string(options_.chunk_bytes) + " bytes"
                            : kib % 1024 != 0 ? std::to_string(kib) + " KiB"
                                              : std::to_string(kib >> 10) + " MiB";
  return std::to_string(options_.threads) + " threads, each with " +
         std::to_string(options_.chunks_per_thread) + " chunks of " + chunk + ", copies on " +
         (options_.streams == 0 ? "the caller's stream"
                                : std::to_string(options_.streams) + " streams of its own") +
         (options_.stores == stores::streaming ? ", streaming stores" : "");
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
  const unsigned worth =
      unsigned(std::clamp<std::size_t>(bytes / options_.bytes_per_thread, 1, options_.threads));
  const std::size_t shares = std::size_t{worth} * options_.pieces_per_thread;
  const std::size_t page = 4096;
  const std::size_t share = (bytes / shares + page) / page * page;
  detail::pieces all(
      way, to, from, bytes,
      {.piece_bytes = std::clamp(share, options_.smallest_piece, options_.chunk_bytes),
       .chunks = std::size_t{options_.threads} * options_.chunks_per_thread,
       .stores = options_.stores,
       .patience = options_.patience,
       .stop = std::move(stop)});
  const auto threads = unsigned(std::min<std::size_t>(worth, all.count()));
  const std::span<const stream> lanes = lanes_of(on);
  cudaError_t status = fork(on, lanes);
  if (status == cudaSuccess) {
    share_out({&all, on, lanes}, threads - 1);
    status = all.status();
  }
  if (status == cudaSuccess) status = join(on, lanes);
  if (status != cudaSuccess) {
    // Chunks may be under way of which no event tells. What these calls return is what is thrown,
    // or what follows from it.
    for (const stream& lane : lanes_) static_cast<void>(cudaStreamSynchronize(lane));
    static_cast<void>(cudaStreamSynchronize(on));
    WARPLADDER_TRY(status);
  }
  return {.cancelled = all.taken_bytes() < bytes, .bytes = all.taken_bytes()};
}

/// The streams that threads submit to, if not to `on` itself. Another thread knows the stream that
/// is the calling thread's own by no name.
inline std::span<const stream> copier::lanes_of(stream_view on) const {
#ifdef CUDA_API_PER_THREAD_DEFAULT_STREAM
  const bool is_this_threads = on.get() == cudaStreamPerThread || on.get() == cudaStream_t{};
#else
  const bool is_this_threads = on.get() == cudaStreamPerThread;
#endif
  return std::span(lanes_).first(options_.streams == 0 && !is_this_threads ? 0 : lanes_.size());
}

/// The lanes go on when `on` has come so far.
inline cudaError_t copier::fork(stream_view on, std::span<const stream> lanes) {
  if (lanes.empty()) return cudaSuccess;
  cudaError_t status = cudaEventRecord(fork_, on);
  for (std::size_t i = 0; i < lanes.size() && status == cudaSuccess; ++i)
    status = cudaStreamWaitEvent(lanes[i], fork_, 0);
  return status;
}

/// `on` goes on when they have.
inline cudaError_t copier::join(stream_view on, std::span<const stream> lanes) {
  cudaError_t status = cudaSuccess;
  for (std::size_t i = 0; i < lanes.size() && status == cudaSuccess; ++i) {
    status = cudaEventRecord(joins_[i], lanes[i]);
    if (status == cudaSuccess) status = cudaStreamWaitEvent(on, joins_[i], 0);
  }
  return status;
}

inline void copier::work(const job& what, unsigned thread) {
  const std::size_t chunks = options_.chunks_per_thread;
  what.all->work(
      staging_.view().part(thread * chunks, chunks),
      what.lanes.empty() ? what.on : stream_view(what.lanes[thread % what.lanes.size()]));
}

/// Does `what` with `helpers` other threads, or as many of them as wake up before it is over.
///
/// Waking a thread costs the waker 2 to 5 us. So the caller wakes two, and each of those two more:
/// 15 are awake after four generations, while the caller has begun with its own first chunk.
inline void copier::share_out(const job& what, unsigned helpers) {
  if (helpers > 0) {
    {
      const std::lock_guard lock(mutex_);
      job_ = &what;
      wanted_ = asleep_ = helpers;
    }
    wake_two();
  }
  work(what, 0);
  if (helpers > 0) {
    std::unique_lock lock(mutex_);
    wanted_ = asleep_ = 0;  // who wakes up now finds nothing to do
    idle_.wait(lock, [this] { return active_ == 0; });
    job_ = nullptr;
  }
}

inline void copier::wake_two() {
  unsigned count = 0;
  {
    const std::lock_guard lock(mutex_);
    count = std::min(asleep_, 2u);
    asleep_ -= count;
  }
  for (; count > 0; --count) work_.notify_one();
}

/// The life of the other threads.
inline void copier::serve(const std::stop_token& leave, unsigned thread) {
  WARPLADDER_TRY_NOTHROW(cudaSetDevice(device_));
  const beside_captures unaffected;
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, leave, [this] { return wanted_ > 0; })) {
    --wanted_;
    ++active_;
    const job& what = *job_;
    lock.unlock();
    wake_two();
    work(what, thread);
    lock.lock();
    if (--active_ == 0) idle_.notify_one();
  }
}

}  // namespace warpladder::transfer
