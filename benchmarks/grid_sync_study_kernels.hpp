// SPDX-License-Identifier: Apache-2.0
//
// Barriers of which parts are missing or exaggerated, to learn what each part costs. Most are no
// barriers that anybody may use.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <warpladder/grid_barrier_report.hpp>
#include <warpladder/grid_sync/problem.hpp>

namespace warpladder::bench {

/// What an arrival and a poll say of other memory. `fence`: polls are relaxed, and one fence with
/// acquire follows the last.
enum class arrival { relaxed, release };
enum class poll { relaxed, acquire, fence };

/// A counter that is polled `wait` clocks after the arrival, and then without a pause.
struct study_barrier {
  arrival arrives = arrival::release;
  poll polls = poll::fence;
  unsigned wait = 0;
  /// Clocks by which one block, another one each round, is late.
  unsigned straggler = 0;
};

/// All rounds of `p` with this barrier. `counter` is one word of device memory, zeroed here.
cudaError_t run_study_barrier(const study_barrier& how, const grid_sync::problem& p,
                              unsigned* counter, cudaStream_t stream);

/// The same straggler with the barriers that people would use.
enum class product { cooperative_groups, grid_barrier };
cudaError_t run_with_straggler(product who, unsigned straggler, const grid_sync::problem& p,
                               unsigned* word, cudaStream_t stream);

/// The wait of warpladder::grid_barrier in such a grid, in clocks.
unsigned wait_of_grid_barrier(const grid_sync::problem& p);

/// One barrier of warpladder::bounded_grid_barrier in a launch that nothing refuses: not
/// cooperative. Both words are zeroed here.
cudaError_t run_bounded(const grid_sync::problem& p, unsigned polls, unsigned* word,
                        grid_barrier_report* report, cudaStream_t stream);

/// How many blocks of so many threads of that kernel are resident at once.
cudaError_t bounded_resident_blocks(unsigned threads, std::size_t& blocks);

/// What launch_resident says to `blocks` of them.
cudaError_t refuse_or_run(unsigned blocks, unsigned threads, unsigned* word,
                          grid_barrier_report* report, cudaStream_t stream);

}  // namespace warpladder::bench
