// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <warpladder/core/error.hpp>
#include <warpladder/core/event.hpp>

namespace warpladder {

/// Non-owning handle of a stream; as cheap to copy as the handle itself.
class stream_view {
 public:
  stream_view(cudaStream_t handle) noexcept : handle_(handle) {}
  stream_view(int) = delete;  // a literal 0 would be the legacy default stream: ask for it by name
  stream_view(std::nullptr_t) = delete;

  cudaStream_t get() const noexcept { return handle_; }
  operator cudaStream_t() const noexcept { return handle_; }

  /// Blocks the calling thread until all work submitted to the stream is done.
  void synchronize() const { WARPLADDER_TRY(cudaStreamSynchronize(handle_)); }
  void record(event_view event) const { WARPLADDER_TRY(cudaEventRecord(event, handle_)); }
  /// Work submitted to this stream from now on starts after `event`.
  void wait(event_view event) const { WARPLADDER_TRY(cudaStreamWaitEvent(handle_, event, 0)); }

 private:
  cudaStream_t handle_;
};

/// Owns a stream that never synchronises implicitly with the legacy default stream.
class stream : public stream_view {
 public:
  stream() : stream_view(create(0)) {}
  /// Lower numbers go first; cudaDeviceGetStreamPriorityRange() says which exist, the rest is
  /// clamped to those.
  explicit stream(int priority) : stream_view(create(priority)) {}
  stream(stream&& other) noexcept : stream_view(other.get()) { other.release(); }
  stream& operator=(stream&& other) noexcept {
    stream moved(std::move(other));
    // Not std::swap: nvcc rejects it for a class whose constructor from nullptr is deleted.
    const stream_view mine = *this;
    stream_view::operator=(moved);
    moved.stream_view::operator=(mine);
    return *this;
  }
  ~stream() {
    if (get() != cudaStream_t{}) WARPLADDER_TRY_NOTHROW(cudaStreamDestroy(get()));
  }

 private:
  static cudaStream_t create(int priority) {
    cudaStream_t handle{};
    WARPLADDER_TRY(cudaStreamCreateWithPriority(&handle, cudaStreamNonBlocking, priority));
    return handle;
  }
  void release() noexcept { static_cast<stream_view&>(*this) = stream_view(cudaStream_t{}); }
};

}  // namespace warpladder
