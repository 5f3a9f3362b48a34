// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <harness/workload.hpp>
#include <utility>
#include <warpladder/core/math.hpp>

namespace warpladder::bench {

workload::workload(launcher launch, rotation& copies, stream_view on)
    : launch_(std::move(launch)), copies_(copies), stream_(on) {
  // The first call loads kernels, makes library handles and sets attributes: none of that belongs
  // into a measurement, and some of it is illegal under capture.
  launch_next();
  stream_.synchronize();
}

void workload::launch_next() {
  WARPLADDER_TRY(launch_(stream_, copies_.next));
  copies_.next = (copies_.next + 1) % copies_.copies;
}

void workload::use_graph(std::size_t launches) {
  launches_per_graph_ = round_up(launches, copies_.copies);
  WARPLADDER_TRY(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  cudaError_t status = cudaSuccess;
  for (std::size_t i = 0; i < launches_per_graph_ && status == cudaSuccess; ++i) {
    status = launch_(stream_, i % copies_.copies);
  }
  cudaGraph_t captured = nullptr;
  const cudaError_t end_status = cudaStreamEndCapture(stream_, &captured);
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, destroy_graph> graph(captured);
  WARPLADDER_TRY(status);
  WARPLADDER_TRY(end_status);

  cudaGraphExec_t executable = nullptr;
  WARPLADDER_TRY(cudaGraphInstantiateWithFlags(&executable, graph.get(), 0));
  graph_.reset(executable);
  WARPLADDER_TRY(cudaGraphUpload(executable, stream_));
  stream_.synchronize();
}

std::size_t workload::enqueue(std::size_t launches) {
  if (!graph_) {
    for (std::size_t i = 0; i < launches; ++i) launch_next();
    return launches;
  }
  const std::size_t replays = ceil_div(launches, launches_per_graph_);
  for (std::size_t i = 0; i < replays; ++i) {
    WARPLADDER_TRY(cudaGraphLaunch(graph_.get(), stream_));
  }
  return replays * launches_per_graph_;
}

double workload::seconds_per_launch(std::size_t launches) {
  stream_.record(begin_);
  const std::size_t enqueued = enqueue(launches);
  stream_.record(end_);
  end_.synchronize();
  return elapsed_ms(begin_, end_) * 1e-3 / double(enqueued);
}

std::size_t workload::launches_lasting(double seconds) {
  // A short batch is dominated by its ends (events, an empty queue), so its time per launch is an
  // overestimate: grow until a batch lasts at least half as long as asked.
  for (std::size_t launches = 1;;) {
    const double each = seconds_per_launch(launches);
    const auto wanted = std::max<std::size_t>(1, std::size_t(std::ceil(seconds / each)));
    if (wanted <= 2 * launches) return wanted;
    launches = std::min(wanted, 16 * launches);
  }
}

}  // namespace warpladder::bench
