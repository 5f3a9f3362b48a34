// SPDX-License-Identifier: Apache-2.0
// In-order queues of work, each with an OS thread that runs it, and capture instead of queueing.
#pragma once

#include <functional>
#include <vector>

#include "simt/runtime_api.hpp"
#include "simt/simt.hpp"

namespace simt {

struct operation {
  std::function<cudaError_t()> work;
  // After a failure, queued kernels and copies are skipped until somebody has fetched the error, as
  // they work on what the failed one left. Releases and host callbacks are not.
  bool run_after_failure = false;
};

// Queues, or records if the stream captures. Errors are not yet noted().
cudaError_t submit(cudaStream_t stream, operation op);

// Waits until the stream has finished all that is queued now; returns a pending asynchronous error.
cudaError_t drain(cudaStream_t stream);
cudaError_t drain_all();

bool is_capturing(cudaStream_t stream);

void count_handles(object_counts& counts);

// For calls that may synchronise or allocate: an error if a capture is going on that forbids them.
// The capture is invalid from then on. `uses_legacy_stream` is for the synchronous copies.
cudaError_t refuse_during_capture(bool uses_legacy_stream = false);

}  // namespace simt
