// SPDX-License-Identifier: Apache-2.0
// One launch while it runs: what its blocks share.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "group_barrier.hpp"
#include "simt/launch.hpp"
#include "simt/simt.hpp"
#include "symbols.hpp"
#include "trace/tracer.hpp"

namespace simt {

class block;

// A validated launch, with everything that was decided when it was made.
struct launch_plan {
  const void* kernel = nullptr;
  dim3 grid, block, cluster;
  std::size_t dynamic_shared_bytes = 0;
  bool cooperative = false;
  detail::bound_kernel body;
  options with;

  std::uint64_t block_count() const { return std::uint64_t{grid.x} * grid.y * grid.z; }
  unsigned cluster_size() const { return cluster.x * cluster.y * cluster.z; }
  unsigned block_threads() const { return block.x * block.y * block.z; }
};

// Blocks that are resident together and see each other's shared memory.
struct cluster {
  explicit cluster(unsigned size)
      : blocks(size),
        start(size, group_barrier::leaving::counts_as_arrived),
        barrier(size, group_barrier::leaving::counts_as_arrived) {}

  std::vector<block*> blocks;
  group_barrier start;    // passed once every block has made itself known in `blocks`
  group_barrier barrier;  // the cluster barrier of the kernel
};

class grid {
 public:
  explicit grid(const launch_plan& plan)
      : plan_(plan),
        symbols_(symbols_of(plan.kernel)),
        barrier_(static_cast<unsigned>(plan.cooperative ? plan.block_count() : 1),
                 group_barrier::leaving::is_an_error) {}

  const launch_plan& plan() const { return plan_; }
  const kernel_symbols& symbols() const { return symbols_; }
  group_barrier* barrier() { return plan_.cooperative ? &barrier_ : nullptr; }

  std::shared_ptr<cluster> cluster_at(std::uint64_t index) {
    std::lock_guard lock(mutex_);
    auto& entry = clusters_[index];
    if (auto existing = entry.lock()) return existing;
    auto made = std::make_shared<cluster>(plan_.cluster_size());
    if (failed()) interrupt(*made);
    entry = made;
    return made;
  }

  const void* keep(const void* bytes, std::size_t size) {
    std::lock_guard lock(mutex_);
    return kept_.emplace(static_cast<const char*>(bytes), size).first->data();
  }

  bool failed() const { return failed_.load(std::memory_order_relaxed); }

  // The first failure is the one that is reported; all blocks stop at their next chance.
  void fail(cudaError_t error, std::string report) {
    std::lock_guard lock(mutex_);
    if (failed()) return;
    error_ = error;
    report_ = std::move(report);
    failed_.store(true, std::memory_order_relaxed);
    barrier_.interrupt();
    for (auto& [index, entry] : clusters_) {
      if (auto existing = entry.lock()) interrupt(*existing);
    }
  }

  trace::launch_record* record() const { return record_.get(); }
  void begin_trace() { record_ = trace::launch_begins(*this); }
  void end_trace() { trace::launch_ends(record_, *this); }

  cudaError_t error() const { return error_; }
  const std::string& report() const { return report_; }

 private:
  static void interrupt(cluster& c) {
    c.start.interrupt();
    c.barrier.interrupt();
  }

  const launch_plan& plan_;
  const kernel_symbols& symbols_;
  group_barrier barrier_;
  std::shared_ptr<trace::launch_record> record_;  // null unless the launch is traced
  std::mutex mutex_;
  std::map<std::uint64_t, std::weak_ptr<cluster>> clusters_;
  std::set<std::string> kept_;  // bytes, in nodes that stay where they are
  std::atomic<bool> failed_{false};
  cudaError_t error_ = cudaSuccess;
  std::string report_;
};

// Runs all blocks; returns the launch's error.
cudaError_t run_grid(const launch_plan& plan);

}  // namespace simt
