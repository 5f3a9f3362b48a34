// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <warpladder/core/error.hpp>

namespace warpladder {

/// Non-owning handle of an event; as cheap to copy as the handle itself.
class event_view {
 public:
  event_view(cudaEvent_t handle) noexcept : handle_(handle) {}
  event_view(int) = delete;  // a literal 0 is a mistake, not an event
  event_view(std::nullptr_t) = delete;

  cudaEvent_t get() const noexcept { return handle_; }
  operator cudaEvent_t() const noexcept { return handle_; }

  /// Blocks the calling thread until the work recorded before the event is done.
  void synchronize() const { WARPLADDER_TRY(cudaEventSynchronize(handle_)); }

  /// True when the work recorded before the event is done. Never blocks.
  bool is_done() const {
    const cudaError_t status = cudaEventQuery(handle_);
    if (status == cudaErrorNotReady) return false;
    WARPLADDER_TRY(status);
    return true;
  }

 private:
  cudaEvent_t handle_;
};

/// Owns an event. Timing is off unless asked for: it makes record and wait slower.
class event : public event_view {
 public:
  enum class timing : bool { off, on };
  /// What a host thread does in synchronize(): poll, which is back within a microsecond and keeps a
  /// core busy, or sleep until the driver wakes it, tens of microseconds later.
  enum class host_wait : bool { polls, sleeps };

  explicit event(timing with_timing = timing::off, host_wait waits = host_wait::polls)
      : event_view(create(with_timing, waits)) {}
  event(event&& other) noexcept : event_view(other.get()) { other.release(); }
  event& operator=(event&& other) noexcept {
    event moved(std::move(other));
    // Not std::swap: nvcc rejects it for a class whose constructor from nullptr is deleted.
    const event_view mine = *this;
    event_view::operator=(moved);
    moved.event_view::operator=(mine);
    return *this;
  }
  ~event() {
    if (get() != cudaEvent_t{}) WARPLADDER_TRY_NOTHROW(cudaEventDestroy(get()));
  }

 private:
  static cudaEvent_t create(timing with_timing, host_wait waits) {
    cudaEvent_t handle{};
    const unsigned flags =
        (with_timing == timing::on ? cudaEventDefault : unsigned{cudaEventDisableTiming}) |
        (waits == host_wait::sleeps ? unsigned{cudaEventBlockingSync} : 0u);
    WARPLADDER_TRY(cudaEventCreateWithFlags(&handle, flags));
    return handle;
  }
  void release() noexcept { static_cast<event_view&>(*this) = event_view(cudaEvent_t{}); }
};

/// Milliseconds of device time between two events made with timing::on and already done.
inline float elapsed_ms(event_view begin, event_view end) {
  float milliseconds = 0;
  WARPLADDER_TRY(cudaEventElapsedTime(&milliseconds, begin, end));
  return milliseconds;
}

}  // namespace warpladder
