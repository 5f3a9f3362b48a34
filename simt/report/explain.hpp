// SPDX-License-Identifier: Apache-2.0
// What traced mode has counted, for people to read and for programs.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "published_gpus.hpp"
#include "simt/trace.hpp"

namespace simt::report {

/// What the counters cannot know of the work that was traced.
struct work {
  std::string title;  ///< "gemm/06_vectorized, 128x128x128"
  double flops = 0;   ///< 0: not known, and not shown
  bool on_tensor_cores = false;
};

/// Sums over all lines and kernels, by what Nsight Compute calls them.
struct totals {
  struct group {
    std::uint64_t requests = 0, sectors = 0, wavefronts = 0, conflicts = 0, bytes = 0;
    double used_sectors = 0;  ///< that the bytes used would fill
  };
  group global_load, global_store, global_atomic, global_async;
  group global_bulk_load, global_bulk_store;
  group shared_load, shared_store, shared_atomic, shared_async, distributed;
  std::uint64_t barriers = 0, collectives = 0, distinct_read_bytes = 0, distinct_written_bytes = 0;

  double global_bytes() const;  ///< moved between L1 and L2 if L1 kept nothing
  double shared_wavefronts() const;
};
totals total_of(const std::vector<trace::kernel_counters>& kernels);

/// How fast a GPU could do this at best, one resource at a time, in seconds.
struct bounds {
  double arithmetic, memory, shared;
  double largest() const;
  const char* limit() const;
};
bounds bounds_of(const totals& all, const work& done, const published_gpu& gpu);

/// A table per kernel with the text of each line, the totals, the roofline and a sentence about the
/// worst line.
std::string explain_text(const std::vector<trace::kernel_counters>& kernels, const work& done,
                         const published_gpu& gpu);

/// What the second bought over the first: totals side by side.
std::string compare_text(const std::vector<trace::kernel_counters>& before, const work& before_work,
                         const std::vector<trace::kernel_counters>& after, const work& after_work);

nlohmann::ordered_json explain_json(const std::vector<trace::kernel_counters>& kernels,
                                    const work& done, const published_gpu& gpu);

/// One page that needs nothing else: the source, annotated and coloured by cost.
std::string explain_html(const std::vector<trace::kernel_counters>& kernels, const work& done,
                         const published_gpu& gpu);

/// The findings with their source lines; a sentence if there are none.
std::string findings_text(const std::vector<trace::finding>& findings);
nlohmann::ordered_json findings_json(const std::vector<trace::finding>& findings);

}  // namespace simt::report
