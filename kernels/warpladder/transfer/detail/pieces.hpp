// SPDX-License-Identifier: Apache-2.0
//
// A copy of pageable memory in pieces, which several threads take one after another. Each thread
// has chunks of its own, so threads meet at one counter alone.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/transfer/detail/host_copy.hpp>
#include <warpladder/transfer/problem.hpp>
#include <warpladder/transfer/staging.hpp>

namespace warpladder::transfer::detail {

struct piece {
  std::size_t begin = 0, bytes = 0;
};

class pieces {
 public:
  struct how {
    std::size_t piece_bytes;
    std::size_t chunks;  ///< of all threads
    transfer::stores stores = stores::cached;
    std::chrono::nanoseconds patience = usual_patience;
  };

  pieces(direction way, void* to, const void* from, std::size_t bytes, const how& how)
      : way_(way),
        to_(static_cast<std::byte*>(to)),
        from_(static_cast<const std::byte*>(from)),
        bytes_(bytes),
        how_(how) {}

  std::size_t count() const { return (bytes_ + how_.piece_bytes - 1) / how_.piece_bytes; }

  /// Takes and moves pieces through `mine` until there are none or one fails.
  /// `on` may be another stream for every thread.
  void work(staging_view mine, stream_view on) {
    const cudaError_t status = way_ == direction::to_device ? send(mine, on) : fetch(mine, on);
    cudaError_t none = cudaSuccess;
    if (status != cudaSuccess) status_.compare_exchange_strong(none, status);
  }

  /// What the first thread that failed met. After a failure copies from and into chunks may still
  /// be under way that no event tells of.
  cudaError_t status() const { return status_; }

 private:
  bool is_over() const {
    return next_.load(std::memory_order_relaxed) >= bytes_ ||
           status_.load(std::memory_order_relaxed) != cudaSuccess;
  }
  piece take() {
    if (is_over()) return {};
    const std::size_t begin = next_.fetch_add(how_.piece_bytes, std::memory_order_relaxed);
    return begin < bytes_ ? piece{begin, std::min(how_.piece_bytes, bytes_ - begin)} : piece{};
  }

  /// Returns when the chunk of this event may be used again, or when there is no need of it.
  cudaError_t wait_for_chunk(event_view copied) const {
    while (!is_over()) {
      const cudaError_t status = poll_for(copied, how_.patience);
      if (status != cudaErrorNotReady) return status;
      // More is left than all chunks hold: one has to arrive before the copy can end, so sleep
      // until this one does. What is left otherwise, other threads may take meanwhile.
      if (bytes_ - std::min(next_.load(), bytes_) > how_.chunks * how_.piece_bytes)
        return cudaEventSynchronize(copied);
      std::this_thread::sleep_for(how_.patience);
    }
    return cudaSuccess;
  }

  /// The copy of one piece by the device, and the event behind it.
  cudaError_t submit(const piece& p, const staging_view& mine, std::size_t chunk, stream_view on) {
    const bool to_device = way_ == direction::to_device;
    const cudaError_t status = to_device ? cudaMemcpyAsync(to_ + p.begin, mine.chunk(chunk),
                                                           p.bytes, cudaMemcpyHostToDevice, on)
                                         : cudaMemcpyAsync(mine.chunk(chunk), from_ + p.begin,
                                                           p.bytes, cudaMemcpyDeviceToHost, on);
    return status != cudaSuccess ? status : cudaEventRecord(mine.copied[chunk], on);
  }

  cudaError_t send(const staging_view& mine, stream_view on) {
    for (std::size_t chunk = 0; !is_over(); chunk = (chunk + 1) % mine.chunks()) {
      cudaError_t status = wait_for_chunk(mine.copied[chunk]);
      if (status != cudaSuccess) return status;
      const piece p = take();
      if (p.bytes == 0) break;
      copy_on_host(how_.stores, mine.chunk(chunk), from_ + p.begin, p.bytes);
      status = submit(p, mine, chunk, on);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }

  /// All chunks of the thread, or 16, are under way before it waits for the first.
  cudaError_t fetch(const staging_view& mine, stream_view on) {
    std::array<piece, 16> under_way;  // by chunk
    const std::size_t chunks = std::min(mine.chunks(), under_way.size());
    std::size_t submitted = 0;
    for (std::size_t emptied = 0;; ++emptied) {
      for (; submitted < emptied + chunks && !is_over(); ++submitted) {
        const std::size_t chunk = submitted % chunks;
        cudaError_t status = wait_for_chunk(mine.copied[chunk]);  // of another copy
        if (status != cudaSuccess) return status;
        under_way[chunk] = take();
        if (under_way[chunk].bytes == 0) break;
        status = submit(under_way[chunk], mine, chunk, on);
        if (status != cudaSuccess) return status;
      }
      if (emptied == submitted) return cudaSuccess;
      const std::size_t chunk = emptied % chunks;
      const cudaError_t status = wait_for(mine.copied[chunk], how_.patience);
      if (status != cudaSuccess) return status;
      const piece& p = under_way[chunk];
      copy_on_host(how_.stores, to_ + p.begin, mine.chunk(chunk), p.bytes);
    }
  }

  const direction way_;
  std::byte* const to_;
  const std::byte* const from_;
  const std::size_t bytes_;
  const how how_;
  std::atomic<std::size_t> next_{0};
  std::atomic<cudaError_t> status_{cudaSuccess};
};

inline support has_chunks(const staged_problem& p, std::size_t chunks) {
  if (p.threads < 1) return {"needs a thread"};
  if (p.lent.chunks() < chunks) return {"needs more chunks than were lent: two per thread"};
  if (p.lent.chunk_bytes == 0) return {"the chunks that were lent are empty"};
  return {};
}

/// What became of a copy whose threads have ended. After a failure waits for all of the stream, as
/// chunks may be under way that no event tells of.
inline cudaError_t finish(const pieces& all, cudaStream_t stream) {
  if (all.status() != cudaSuccess) static_cast<void>(cudaStreamSynchronize(stream));
  return all.status();
}

/// Rungs 03 and 04. cudaStreamPerThread is refused: it is another stream for every thread.
inline cudaError_t stage_with_threads(const staged_problem& p, cudaStream_t stream, stores how) {
  if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
  if (stream == cudaStreamPerThread) return cudaErrorInvalidValue;
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) return status;
  pieces all(
      p.way, p.to, p.from, p.bytes,
      {.piece_bytes = p.lent.chunk_bytes, .chunks = 2 * std::size_t{p.threads}, .stores = how});
  {
    std::vector<std::jthread> others;  // whose end waits for them
    try {
      for (unsigned i = 1; i < p.threads && i < all.count(); ++i) {
        others.emplace_back([&, i] {
          cudaSetDevice(device);
          all.work(p.lent.part(2 * i, 2), stream);
        });
      }
    } catch (const std::exception&) {  // the system has no more threads: fewer do it, too
    }
    all.work(p.lent.part(0, 2), stream);
  }
  return finish(all, stream);
}

}  // namespace warpladder::transfer::detail
