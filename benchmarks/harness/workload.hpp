// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// Enqueues the work that is measured once, on the given copy of its operands.
using launcher = std::function<cudaError_t(cudaStream_t, std::size_t copy)>;

/// Which copy of the operands the next launch takes. Competitors share one rotation, so that each
/// launch finds the copy that nobody has touched for longest.
struct rotation {
  std::size_t copies = 1;
  std::size_t next = 0;
};

/// Launches in a row, enqueued one by one or as replays of a captured graph, and the time they
/// take.
class workload {
 public:
  workload(launcher launch, rotation& copies, stream_view on);

  /// From now on, work is enqueued as replays of a graph of at least `launches` launches.
  /// Each replay passes every copy equally often, in order.
  void use_graph(std::size_t launches);

  /// How many launches take about this long: finds out by trying, which also warms up.
  std::size_t launches_lasting(double seconds);

  /// Enqueues at least `launches` of them and returns how many it was: graphs replay whole.
  std::size_t enqueue(std::size_t launches);

  /// Device seconds per launch over a batch of at least `launches`. Blocks until it is done.
  double seconds_per_launch(std::size_t launches);

 private:
  struct destroy_graph {
    void operator()(cudaGraph_t graph) const { WARPLADDER_TRY_NOTHROW(cudaGraphDestroy(graph)); }
    void operator()(cudaGraphExec_t graph) const {
      WARPLADDER_TRY_NOTHROW(cudaGraphExecDestroy(graph));
    }
  };

  void launch_next();

  launcher launch_;
  rotation& copies_;
  stream_view stream_;
  event begin_{event::timing::on}, end_{event::timing::on};
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, destroy_graph> graph_;
  std::size_t launches_per_graph_ = 0;
};

}  // namespace warpladder::bench
