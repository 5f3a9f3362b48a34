// SPDX-License-Identifier: Apache-2.0
//
// What the benchmark and the study of the topic pipeline share: pinned memory, and what each engine
// needs alone for a whole job, measured in the same process.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <harness/median.hpp>
#include <map>
#include <pipeline_shape.hpp>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/event.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline/lanes.hpp>
#include <warpladder/pipeline/problem.hpp>

namespace warpladder::bench {

/// Seconds that the engines need for a whole job, each with nothing else going on but `both`, which
/// is the two copies at the same time.
struct engine_seconds {
  double h2d, d2h, both, kernel;

  /// No pipeline is faster than its busiest engine.
  double bound() const;
};

/// How often a pipeline and its bound take turns. Medians of their ratios are published: on a
/// machine whose bus others use too, single ones are off by a third.
inline constexpr int turns_against_the_bound = 31;

inline double least(const std::vector<double>& all) {
  return *std::min_element(all.begin(), all.end());
}

/// Pinned memory for jobs of one size, filled, and all that is measured before a pipeline is.
class pipeline_lab {
 public:
  explicit pipeline_lab(std::int64_t bytes);

  /// The job with its memory, four lanes, chunks of a 64th and four slots. Measures, when it is
  /// first asked for an intensity, how many rounds make it and what the rates are.
  pipeline::problem job(intensity work);

  /// The best that was seen of both copies at once so far: others may use the bus now and then.
  engine_seconds engines(intensity work);

  /// The bound with one run of both copies at once, now: to be taken in turns with a pipeline.
  double bound_now(intensity work);

  /// As many lanes as there can be.
  pipeline::lent_lanes all_lanes() const { return lanes_.view(); }

  /// Median device seconds of several runs, after one to warm up if that is wanted.
  double seconds(const std::function<cudaError_t(cudaStream_t)>& enqueue, int runs = 5,
                 bool warms_up = true) const;

 private:
  struct of_intensity {
    int rounds;
    double kernel_seconds;
    pipeline::engine_rates rates;
  };

  const of_intensity& measured(intensity work);
  double both_copies(int parts, int runs = 5, bool warms_up = true) const;
  double kernel(float* data, int rounds) const;

  std::int64_t n_;
  pinned_buffer<float> in_, out_;
  device_buffer<float> there_, back_;
  pipeline::lanes lanes_{pipeline::max_lanes};
  stream stream_;
  double h2d_, d2h_, both_;
  int best_parts_ = 1;  // of both copies at once
  std::map<intensity, of_intensity> measured_;
};

}  // namespace warpladder::bench
