// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <vector>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline/problem.hpp>

namespace warpladder::pipeline {

/// Owns the streams and events of a pipeline: made once and lent to launches, as making them costs
/// more than a launch. The streams are no default streams and do not wait for one.
class lanes {
 public:
  /// 1 to 8 streams; throws std::invalid_argument for another number.
  explicit lanes(int streams) {
    if (streams < 1 || streams > max_lanes)
      throw std::invalid_argument("a pipeline has 1 to 8 lanes");
    streams_.resize(std::size_t(streams));
    events_.resize(max_slots + 1);
    for (const stream& one : streams_) lent_streams_.push_back(one);
    for (const event& one : events_) lent_events_.push_back(one);
  }

  /// Valid as long as this object.
  lent_lanes view() const { return {lent_streams_, lent_events_}; }

 private:
  std::vector<stream> streams_;
  std::vector<event> events_;
  std::vector<cudaStream_t> lent_streams_;
  std::vector<cudaEvent_t> lent_events_;
};

}  // namespace warpladder::pipeline
