// SPDX-License-Identifier: Apache-2.0
//
// The words in which the rungs are written: what is done with a chunk, and who waits for whom.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/pipeline/detail/transform.cuh>
#include <warpladder/pipeline/problem.hpp>

namespace warpladder::pipeline::detail {

/// Elements of the array that travel together.
struct piece {
  std::int64_t index, begin, n;
};

inline std::int64_t chunks(const problem& p) {
  return ceil_div(p.n, p.chunk);
}

inline piece chunk_at(const problem& p, std::int64_t index) {
  const std::int64_t begin = index * p.chunk;
  return {index, begin, std::min(p.chunk, p.n - begin)};
}

/// Device memory for so many chunks, each aligned to 256 bytes.
inline std::int64_t slot_elements(const problem& p) {
  return ceil_div<std::int64_t>(std::min(p.chunk, p.n), 64) * 64;
}
inline std::size_t slot_bytes(const problem& p, std::int64_t slots) {
  return std::size_t(slots * slot_elements(p)) * sizeof(float);
}

inline support needs_lanes(const problem& p, std::size_t count) {
  if (p.lanes.streams.size() >= count) return {};
  return {count == 1   ? "no stream was lent"
          : count == 2 ? "needs two streams"
          : count == 3 ? "needs three streams, one for each engine"
                       : "needs four streams: two for copies, two for kernels in turn"};
}

/// Enqueues, until the first failure. What a rung has enqueued when it ends is joined with the
/// caller's stream even then: memory that lanes still use must not look free.
class enqueuer {
 public:
  enqueuer(const problem& p, cudaStream_t caller, workspace_view workspace)
      : p_(p), caller_(caller), memory_(static_cast<float*>(workspace.data)) {}

  /// The lanes start after the work before them in the caller's stream.
  void fork(int lanes) {
    lanes_ = lanes;
    try_to([&] { return cudaEventRecord(hand_over_event(), caller_); });
    for (int lane = 0; lane < lanes; ++lane)
      try_to([&] { return cudaStreamWaitEvent(this->lane(lane), hand_over_event(), 0); });
  }

  /// The caller's stream goes on after the lanes. Returns the first failure, if there was one.
  cudaError_t join() {
    cudaError_t joined = cudaSuccess;
    for (int lane = 0; lane < lanes_; ++lane) {
      cudaError_t status = cudaEventRecord(hand_over_event(), this->lane(lane));
      if (status == cudaSuccess) status = cudaStreamWaitEvent(caller_, hand_over_event(), 0);
      if (joined == cudaSuccess) joined = status;
    }
    return status_ != cudaSuccess ? status_ : joined;
  }

  cudaStream_t lane(int index) const { return p_.lanes.streams[std::size_t(index)]; }

  // What is done with a chunk, in this order.
  void copy_in(const piece& c, std::int64_t slot, cudaStream_t on) {
    marked(c, 0, on, [&] {
      return cudaMemcpyAsync(at(slot), p_.in + c.begin, bytes(c), cudaMemcpyHostToDevice, on);
    });
  }
  void transform(const piece& c, std::int64_t slot, cudaStream_t on) {
    marked(c, 2, on, [&] { return launch_transform(at(slot), c.n, p_.rounds, on); });
  }
  void copy_out(const piece& c, std::int64_t slot, cudaStream_t on) {
    marked(c, 4, on, [&] {
      return cudaMemcpyAsync(p_.out + c.begin, at(slot), bytes(c), cudaMemcpyDeviceToHost, on);
    });
  }

  /// What `to` does next starts after all that `from` has been given so far. A wait keeps the state
  /// that its event had when it was enqueued, so one event serves all of these.
  void hand_over(cudaStream_t from, cudaStream_t to) {
    try_to([&] { return cudaEventRecord(hand_over_event(), from); });
    try_to([&] { return cudaStreamWaitEvent(to, hand_over_event(), 0); });
  }

  /// The slot may be filled again when `by` has done what it has been given so far.
  void free_slot(int slot, cudaStream_t by) {
    try_to([&] { return cudaEventRecord(slot_event(slot), by); });
  }
  void wait_for_slot(int slot, cudaStream_t on) {
    try_to([&] { return cudaStreamWaitEvent(on, slot_event(slot), 0); });
  }

 private:
  template <class Call>
  void try_to(const Call& call) {
    if (status_ == cudaSuccess) status_ = call();
  }
  /// `call` between the marks of a stage, if there are any.
  template <class Call>
  void marked(const piece& c, int first, cudaStream_t on, const Call& call) {
    const std::size_t mark = std::size_t(c.index * 6 + first);
    const bool has_marks = mark + 1 < p_.marks.size();
    if (has_marks) try_to([&] { return cudaEventRecord(p_.marks[mark], on); });
    try_to(call);
    if (has_marks) try_to([&] { return cudaEventRecord(p_.marks[mark + 1], on); });
  }

  float* at(std::int64_t slot) const { return memory_ + slot * slot_elements(p_); }
  static std::size_t bytes(const piece& c) { return std::size_t(c.n) * sizeof(float); }
  cudaEvent_t hand_over_event() const { return p_.lanes.events[max_slots]; }
  cudaEvent_t slot_event(int slot) const { return p_.lanes.events[std::size_t(slot)]; }

  const problem& p_;
  cudaStream_t caller_;
  float* memory_;
  int lanes_ = 0;
  cudaError_t status_ = cudaSuccess;
};

}  // namespace warpladder::pipeline::detail
