// SPDX-License-Identifier: Apache-2.0
//
// Page-locked memory through which pageable memory travels, in chunks.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <thread>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>

namespace warpladder::transfer {

/// Page-locked memory that its owner lends: a row of chunks, each with an event that is recorded
/// behind the last copy from or into the chunk. Whoever fills a chunk waits for its event before.
struct staging_view {
  std::byte* memory = nullptr;  ///< of chunks() * chunk_bytes bytes, aligned to 64
  std::size_t chunk_bytes = 0;  ///< a multiple of 64
  std::span<const event> copied;

  std::size_t chunks() const { return copied.size(); }
  std::byte* chunk(std::size_t i) const { return memory + i * chunk_bytes; }
  /// `count` chunks from chunk `first` on.
  staging_view part(std::size_t first, std::size_t count) const {
    return {chunk(first), chunk_bytes, copied.subspan(first, count)};
  }
};

/// Owns what a staging_view lends, for the device that is current at its construction. Construction
/// page-locks memory, about 0.4 ms per MiB; destruction waits for the copies that use it.
class staging {
 public:
  /// Throws warpladder::cuda_error. `chunk_bytes` is rounded up to a multiple of 64.
  staging(std::size_t chunks, std::size_t chunk_bytes)
      : chunk_bytes_((chunk_bytes + 63) / 64 * 64), memory_(chunks * chunk_bytes_) {
    copied_.reserve(chunks);
    for (std::size_t i = 0; i < chunks; ++i)
      copied_.emplace_back(event::timing::off, event::host_wait::sleeps);
  }
  staging(staging&&) = default;
  ~staging() {
    for (const event& last : copied_) WARPLADDER_TRY_NOTHROW(cudaEventSynchronize(last));
  }

  staging_view view() const { return {memory_.data(), chunk_bytes_, copied_}; }

 private:
  std::size_t chunk_bytes_;
  pinned_buffer<std::byte> memory_;
  std::vector<event> copied_;
};

namespace detail {

/// Asks whether `done` is done until it is, a stream has met an error, or `patience` is over:
/// cudaErrorNotReady.
inline cudaError_t poll_for(event_view done, std::chrono::nanoseconds patience) {
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    const cudaError_t status = cudaEventQuery(done);
    if (status != cudaErrorNotReady) return status;
    // Not an error, and none that this thread's caller is to find later.
    if (cudaPeekAtLastError() == cudaErrorNotReady) cudaGetLastError();
    if (std::chrono::steady_clock::now() - begin >= patience) return status;
    std::this_thread::yield();
  }
}

/// Returns when `done` is done, or with the error that a stream met. Polls for `patience`, as an
/// interrupt takes longer than a short wait; then sleeps, as polling threads would take turns with
/// those that submit at the driver's lock.
inline cudaError_t wait_for(event_view done, std::chrono::nanoseconds patience) {
  const cudaError_t status = poll_for(done, patience);
  return status == cudaErrorNotReady ? cudaEventSynchronize(done) : status;
}

inline constexpr std::chrono::microseconds usual_patience{20};

}  // namespace detail
}  // namespace warpladder::transfer
