// SPDX-License-Identifier: Apache-2.0
#include <cooperative_groups.h>

#include <grid_sync_study_kernels.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/memory_order.cuh>
#include <warpladder/core/spin.cuh>
#include <warpladder/grid_barrier.cuh>
#include <warpladder/grid_sync/detail/rounds.cuh>

namespace warpladder::bench {
namespace {

using grid_sync::problem;
using grid_sync::detail::run_rounds;

/// A reduction that says nothing of other memory. Not in core: nobody should want it.
__device__ void add_relaxed(unsigned* word, unsigned value) {
  asm volatile("red.relaxed.gpu.global.add.u32 [%0], %1;" ::"l"(word), "r"(value) : "memory");
}

__device__ void let_one_be_late(unsigned round, unsigned clocks) {
  if (clocks > 0 && blockIdx.x == round * 7919u % gridDim.x) wait_clocks(clocks);
}

template <arrival Arrives, poll Polls>
__global__ void __launch_bounds__(1024)
    study_kernel(problem p, unsigned* counter, unsigned wait, unsigned straggler) {
  run_rounds(p, [&](unsigned round) {
    let_one_be_late(round, straggler);
    __syncthreads();
    if (threadIdx.x == 0) {
      if constexpr (Arrives == arrival::release) {
        add_release(counter, 1);
      } else {
        add_relaxed(counter, 1);
      }
      if (wait > 0) wait_clocks(wait);
      const unsigned all = (round + 1) * gridDim.x;
      const auto look = [&] {
        return Polls == poll::acquire ? load_acquire(counter) : load_relaxed(counter);
      };
      while (int(look() - all) < 0) pause_between_polls();
      if constexpr (Polls == poll::fence) fence_acquire();
    }
    __syncthreads();
  });
}

template <product Who>
__global__ void __launch_bounds__(1024)
    straggler_kernel(problem p, unsigned* word, unsigned straggler) {
  grid_barrier barrier(word);
  run_rounds(p, [&](unsigned round) {
    let_one_be_late(round, straggler);
    if constexpr (Who == product::grid_barrier) {
      barrier.sync();
    } else {
      cooperative_groups::this_grid().sync();
    }
  });
}

__global__ void __launch_bounds__(1024)
    bounded_kernel(unsigned* word, grid_barrier_report* report, unsigned polls) {
  bounded_grid_barrier barrier(word, {report, polls});
  barrier.sync();
}

launch_config config_of(const problem& p, cudaStream_t stream) {
  return {.grid = dim3(p.blocks), .block = dim3(p.threads), .stream = stream};
}

}  // namespace

cudaError_t run_study_barrier(const study_barrier& how, const problem& p, unsigned* counter,
                              cudaStream_t stream) {
  const cudaError_t zeroed = cudaMemsetAsync(counter, 0, sizeof *counter, stream);
  if (zeroed != cudaSuccess) return zeroed;
  const auto launch = [&](auto kernel) {
    return launch_resident(kernel, config_of(p, stream), p, counter, how.wait, how.straggler);
  };
  if (how.arrives == arrival::relaxed) {
    switch (how.polls) {
      case poll::relaxed:
        return launch(study_kernel<arrival::relaxed, poll::relaxed>);
      case poll::acquire:
        return launch(study_kernel<arrival::relaxed, poll::acquire>);
      case poll::fence:
        return launch(study_kernel<arrival::relaxed, poll::fence>);
    }
  }
  switch (how.polls) {
    case poll::relaxed:
      return launch(study_kernel<arrival::release, poll::relaxed>);
    case poll::acquire:
      return launch(study_kernel<arrival::release, poll::acquire>);
    case poll::fence:
      return launch(study_kernel<arrival::release, poll::fence>);
  }
  return cudaErrorInvalidValue;
}

cudaError_t run_with_straggler(product who, unsigned straggler, const problem& p, unsigned* word,
                               cudaStream_t stream) {
  const auto kernel = who == product::grid_barrier ? straggler_kernel<product::grid_barrier>
                                                   : straggler_kernel<product::cooperative_groups>;
  return launch_resident(kernel, config_of(p, stream), p, word, straggler);
}

unsigned wait_of_grid_barrier(const problem& p) {
  return grid_barrier_tuning{}.wait(p.blocks, p.threads);
}

cudaError_t run_bounded(const problem& p, unsigned polls, unsigned* word,
                        grid_barrier_report* report, cudaStream_t stream) {
  cudaError_t status = cudaMemsetAsync(word, 0, sizeof *word, stream);
  if (status == cudaSuccess) status = cudaMemsetAsync(report, 0, sizeof *report, stream);
  if (status != cudaSuccess) return status;
  return launch_kernel(bounded_kernel, config_of(p, stream), word, report, polls);
}

cudaError_t bounded_resident_blocks(unsigned threads, std::size_t& blocks) {
  return max_resident_blocks(bounded_kernel, config_of({.threads = threads}, {}), blocks);
}

cudaError_t refuse_or_run(unsigned blocks, unsigned threads, unsigned* word,
                          grid_barrier_report* report, cudaStream_t stream) {
  return launch_resident(bounded_kernel, config_of({.blocks = blocks, .threads = threads}, stream),
                         word, report, 1u << 20);
}

}  // namespace warpladder::bench
