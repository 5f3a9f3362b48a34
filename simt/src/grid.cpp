// SPDX-License-Identifier: Apache-2.0
#include "grid.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "block.hpp"
#include "options.hpp"
#include "thread_pool.hpp"

namespace simt {
namespace {

uint3 position_of(std::uint64_t index, const dim3& extent) {
  return {static_cast<unsigned>(index % extent.x),
          static_cast<unsigned>(index / extent.x % extent.y),
          static_cast<unsigned>(index / extent.x / extent.y)};
}

// Blocks that need nothing of each other: any worker takes the next one. In order, so that a block
// may wait for one of lower index (decoupled look-back), which is always running or done.
void run_independent_blocks(grid& launch, unsigned workers) {
  const launch_plan& plan = launch.plan();
  std::atomic<std::uint64_t> next{0};
  run_together(workers, [&](unsigned) {
    block& mine = block::of_this_os_thread(plan.with.stack_bytes);
    for (std::uint64_t i; !launch.failed() && (i = next.fetch_add(1)) < plan.block_count();) {
      mine.run(launch, position_of(i, plan.grid), nullptr, 0);
    }
  });
}

// Clusters, and cooperative grids, whose blocks must be resident together: teams of as many OS
// threads as a cluster has blocks take the clusters in turn.
void run_clusters(grid& launch, unsigned workers) {
  const launch_plan& plan = launch.plan();
  const unsigned size = plan.cluster_size();
  const dim3 extent(plan.grid.x / plan.cluster.x, plan.grid.y / plan.cluster.y,
                    plan.grid.z / plan.cluster.z);
  const std::uint64_t clusters = plan.block_count() / size;
  const std::uint64_t teams =
      plan.cooperative ? clusters : std::min<std::uint64_t>(clusters, std::max(1u, workers / size));
  run_together(static_cast<unsigned>(teams * size), [&](unsigned thread) {
    block& mine = block::of_this_os_thread(plan.with.stack_bytes);
    const unsigned rank = thread % size;
    const uint3 inside = position_of(rank, plan.cluster);
    for (std::uint64_t c = thread / size; c < clusters && !launch.failed(); c += teams) {
      const uint3 corner = position_of(c, extent);
      const uint3 index{corner.x * plan.cluster.x + inside.x, corner.y * plan.cluster.y + inside.y,
                        corner.z * plan.cluster.z + inside.z};
      if (size == 1) {
        mine.run(launch, index, nullptr, 0);
      } else {
        const std::shared_ptr<cluster> team = launch.cluster_at(c);
        mine.run(launch, index, team.get(), rank);
      }
    }
  });
}

}  // namespace

cudaError_t run_grid(const launch_plan& plan) {
  grid launch(plan);
  const unsigned workers = plan.with.workers != 0
                               ? plan.with.workers
                               : std::max(1u, std::thread::hardware_concurrency());
  launch.begin_trace();
  if (plan.cooperative || plan.cluster_size() > 1) {
    run_clusters(launch, workers);
  } else {
    run_independent_blocks(
        launch, static_cast<unsigned>(std::min<std::uint64_t>(workers, plan.block_count())));
  }
  launch.end_trace();
  if (launch.failed()) {
    std::fputs(launch.report().c_str(), stderr);
    set_last_report(launch.report());
  }
  return launch.error();
}

}  // namespace simt
