// SPDX-License-Identifier: Apache-2.0
//
// What the sections of launch_overheads share: how a time is taken, how it is made sure that the
// kernels ran, and how a table is printed and kept.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <functional>
#include <launch_overheads/kernels.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

using nlohmann::ordered_json;

/// Microseconds: the median of some repetitions and the quartiles around it.
struct timing {
  double median, low, high;
  bool host_bound = false;  ///< wanted the device alone, but the host did not get ahead of it

  ordered_json json() const;
  timing per(double count) const { return {median / count, low / count, high / count, host_bound}; }
};

timing summarise(std::vector<double> microseconds);

class stopwatch {
 public:
  double us() const {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// The host's books of what kernels count on the device.
class tally {
 public:
  tally();
  /// The counter, for kernels that together add `more` to it.
  unsigned* expect(unsigned more = 1) {
    expected_ += more;
    return counter_.data();
  }
  /// Waits for the device. Throws unless everything that was expected has been counted.
  void check(const std::string& who);

 private:
  device_buffer<unsigned> counter_;
  unsigned expected_ = 0;
};

/// Something that this device, driver or toolkit cannot do; the text says why.
class unavailable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class lab {
 public:
  explicit lab(bool quick);

  /// Enqueues work on a stream.
  using launcher = std::function<cudaError_t(cudaStream_t)>;

  /// Summary of what `measure_us` returns, called once more than is recorded, to warm up.
  timing repeat(const std::function<double()>& measure_us) const;

  /// Host time of one call. The stream is idle when the first of `calls` is made, and the queue,
  /// which holds about a thousand launches, never full.
  timing host_call(const launcher& launch, int calls = 200) const;

  /// Wall time of a call and of waiting for it, each alone on an idle stream.
  timing call_and_wait(const launcher& launch, const std::function<void()>& wait = {}) const;

  /// Device time per call, enqueued as fast as the host can: the slower of the two is seen.
  timing enqueued(const launcher& launch, int calls = 500) const;

  /// Device time per call, all enqueued before the first one starts: the device alone is seen.
  timing queued(const launcher& launch, int calls = 200) const;

  /// Makes the stream busy for this long.
  void hold(cudaStream_t stream, double us) const;
  unsigned long long clocks(double us) const { return (unsigned long long)(us * clocks_per_us_); }

  cudaError_t launch_count(cudaStream_t stream, unsigned add = 1);

  const bool quick;
  const int repetitions;
  const stream on;  ///< where everything runs that does not say otherwise
  device_facts device;
  tally counted;
  int fresh_kernels_used = 0;  ///< of fresh_kernel()

 private:
  double clocks_per_us_ = 1000;
};

/// Rows of a table: printed as they come, and kept for the JSON. Timings are objects with "us".
class table {
 public:
  explicit table(std::string title) : title_(std::move(title)) {}
  void add(ordered_json row);
  ordered_json json() const { return rows_; }

 private:
  std::string title_;
  ordered_json rows_ = ordered_json::array();
};

struct destroy {
  void operator()(cudaStream_t one) const { WARPLADDER_TRY_NOTHROW(cudaStreamDestroy(one)); }
  void operator()(cudaEvent_t one) const { WARPLADDER_TRY_NOTHROW(cudaEventDestroy(one)); }
  void operator()(cudaGraph_t one) const { WARPLADDER_TRY_NOTHROW(cudaGraphDestroy(one)); }
  void operator()(cudaGraphExec_t one) const { WARPLADDER_TRY_NOTHROW(cudaGraphExecDestroy(one)); }
};
template <class Handle>
using owned = std::unique_ptr<std::remove_pointer_t<Handle>, destroy>;
using owned_graph = owned<cudaGraph_t>;
using owned_exec = owned<cudaGraphExec_t>;

/// A stream that synchronises implicitly with the legacy default stream.
owned<cudaStream_t> make_blocking_stream();

/// What `launch` enqueues, as a graph.
owned_graph capture(const lab::launcher& launch, stream_view on);
owned_exec instantiate(cudaGraph_t graph, unsigned long long flags = 0);

}  // namespace warpladder::bench
