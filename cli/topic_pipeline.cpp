// SPDX-License-Identifier: Apache-2.0
#include <pipeline.hpp>
#include <pipeline_shape.hpp>
#include <warpladder/pipeline/lanes.hpp>

#include "topics.hpp"

namespace warpladder::cli {

topic pipeline_topic() {
  // What supports() asks for: there are lanes, and somebody has measured.
  const auto problem_of = [](const std::string& text, const auto&) {
    static const cudaStream_t streams[4] = {};
    static const cudaEvent_t events[pipeline::max_slots + 1] = {};
    pipeline::problem p;
    p.n = bench::parse_pipeline_shape(text).elements();
    p.lanes = {streams, events};
    p.rates = {.h2d_bytes_per_second = 1, .d2h_bytes_per_second = 1, .both_bytes_per_second = 2};
    return p;
  };
  return {.name = "pipeline",
          .size_help = bench::pipeline_shape_help,
          .quick_sizes = "128MiB:low,128MiB:medium",
          .checked = "bit by bit",
          .is_arithmetic = false,
          .is_latency = true,
          .bound = "the busiest engine: copies in, copies out, both at once, or the kernel",
          .ladders = {with_rungs({.title = "pipeline: host to device, kernel, and back",
                                  .name = "pipeline",
                                  .vendor = "rung 00"},
                                 tables::pipeline_rungs(), problem_of)},
          .check_size = [](const std::string& size) { bench::parse_pipeline_shape(size); },
          .add_rungs = add_pipeline_rungs};
}

}  // namespace warpladder::cli
