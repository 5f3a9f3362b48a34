// SPDX-License-Identifier: Apache-2.0
//
// 09 tuned. Before: somebody had to choose the chunk, and what is right depends on the bus, the
// kernel and the length.
//
// Idea: measure what the engines do, once (measure_rates), and calculate (advise): the chunk whose
// fixed costs and whose way in and out together are least, and as many slots as keep the engines
// busy. Where the kernel binds, the ends are ramped, as 08 says.
// Time: predicted at least 95 % of the bound, and within 5 % of the best of all chunks and slots,
// for light and heavy kernels alike.
// Limited by: the busiest engine, and by how well three straight lines describe a machine.
#pragma once

#include <warpladder/pipeline/07_overlapping.cuh>
#include <warpladder/pipeline/08_ramped.cuh>
#include <warpladder/pipeline_advisor.hpp>

namespace warpladder::pipeline {

struct tuned {
  static constexpr rung_info info{9, "tuned", "chunk and slots from measured rates"};

  static support supports(const problem& p) {
    if (!explain_invalid(p.rates).empty()) return {"has no rates: measure_rates() makes them"};
    return detail::needs_lanes(p, 4);
  }

  static std::size_t workspace_bytes(const problem& p) {
    if (p.n == 0) return 0;
    const problem chosen = with_advice(p);
    return ramps(p) ? ramped::workspace_bytes(chosen) : overlapping::workspace_bytes(chosen);
  }

  static cudaError_t launch(const problem& p, cudaStream_t stream, workspace_view workspace) {
    if (p.n == 0) return cudaSuccess;
    const problem chosen = with_advice(p);
    return ramps(p) ? ramped::launch(chosen, stream, workspace)
                    : overlapping::launch(chosen, stream, workspace);
  }

  /// The problem with the chunk and the slots of the advisor. n > 0, and the rates are valid.
  static problem with_advice(const problem& p) {
    const std::size_t bytes = std::size_t(p.n) * sizeof(float);
    const advice best =
        advise(p.rates, bytes, bytes,
               {.smallest = 1024, .max_slots = max_slots, .kernels_at_once = kernels_at_once});
    problem chosen = p;
    chosen.chunk = std::int64_t(best.chunk_bytes / sizeof(float));
    chosen.slots = best.slots;
    return chosen;
  }

  /// Is the kernel slower than both copies?
  static bool ramps(const problem& p) {
    return p.rates.kernel_seconds_per_byte >
           2 / std::min({p.rates.both_bytes_per_second, 2 * p.rates.h2d_bytes_per_second,
                         2 * p.rates.d2h_bytes_per_second});
  }
};

}  // namespace warpladder::pipeline
