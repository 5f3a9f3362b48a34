// SPDX-License-Identifier: Apache-2.0
//
// The work of one job. Exact: integers throughout, whose sums do not depend on an order, and in
// `blend` floats that one thread adds in a fixed order. Equal inputs give equal bytes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace warpladder::bench {

/// What every frame begins with. The dispatcher writes it, and the job computes with it.
struct frame_header {
  std::int64_t sequence;  ///< of its task, from 0
  std::int64_t time_us;   ///< when the sensor took it
  std::int32_t place[4];  ///< where the results lie that this job consumes; -1: there is none yet
};

inline constexpr int classes = 256;
inline constexpr int result_words = 2 * classes;  ///< counts, and behind them a blended state

/// Everything that a job reads and writes. Fixed addresses: what differs from job to job is in the
/// frame, so that a graph captured once stays right.
struct job_operands {
  const std::uint8_t* frame_host;  ///< pinned, begins with a frame_header
  std::uint8_t* frame;
  std::uint8_t* smooth[2];
  unsigned* result;             ///< result_words on the device
  unsigned* result_host;        ///< pinned
  unsigned long long* started;  ///< pinned; receives device_nanoseconds() of the first block
  const unsigned* consumed[4];  ///< results of all places of the tasks that are consumed
  int consumed_count;
  float* state;  ///< classes floats that go from job to job
  std::uint32_t width, height;
  int passes;
  /// Adds floats with atomics, in any order: a job of which two runs differ. For the tests, which
  /// must see that they do.
  bool float_atomics;
};

/// Enqueues copy, kernels and copy. `ended`, unless null, is recorded behind them with its time;
/// under capture it becomes a node that records it at every launch. Legal under capture.
cudaError_t enqueue_job(const job_operands& job, cudaEvent_t ended, cudaStream_t stream);

/// Writes device_nanoseconds() to `out`, which is pinned.
cudaError_t enqueue_clock_reading(unsigned long long* out, cudaStream_t stream);

/// Background work: `blocks` blocks of 256 threads, each busy for `rounds` rounds of integer
/// arithmetic.
cudaError_t enqueue_noise(unsigned blocks, unsigned rounds, unsigned* out, cudaStream_t stream);

}  // namespace warpladder::bench
