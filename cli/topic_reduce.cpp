// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <reduce.hpp>
#include <reduce_shape.hpp>
#include <segment_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {
namespace {

bool is_array(const std::string& size) {
  return size.find('x') == size.npos;
}

void check_size(const std::string& size) {
  if (is_array(size)) {
    bench::parse_array_shape(size);
  } else {
    bench::parse_segment_shape(size);
  }
}

}  // namespace

topic reduce_topic() {
  const auto array_of = [](const std::string& text, const auto&) {
    const bench::array_shape shape = bench::parse_array_shape(text);
    reduce::problem<float> p;
    p.n = shape.count;
    p.in = reinterpret_cast<const float*>(std::uintptr_t(shape.offset) * sizeof(float));
    return p;
  };
  const auto segments_of = [](const std::string& text, const auto&) {
    const bench::segment_shape shape = bench::parse_segment_shape(text);
    reduce::segmented_problem<float> p;
    p.axis = shape.axis, p.rows = shape.rows, p.cols = p.ld = shape.cols;
    return p;
  };
  return {.name = "reduce",
          .size_help = std::string(bench::array_shape_help) + "; " + bench::segment_shape_help,
          .quick_sizes = "16777216,4096x4096,4096x4096:columns",
          .checked = "on integers, whose sum is exact in every order,",
          .is_arithmetic = false,
          .ladders = {with_rungs({.title = "reduce: arrays",
                                  .name = "arrays",
                                  .vendor = "CUB",
                                  .front_doors = {{"run", "warpladder::reduce::run"}},
                                  .takes = is_array},
                                 tables::reduce_rungs<float, sum<float>>(), array_of),
                      with_rungs({.title = "reduce: segments",
                                  .name = "segments",
                                  .vendor = "CUB",
                                  .front_doors = {{"run_segments", "warpladder::reduce::run"}},
                                  .takes = std::not_fn(is_array)},
                                 tables::segmented_rungs<float, sum<float>>(), segments_of)},
          .check_size = check_size,
          .add_rungs = add_reduce_rungs};
}

}  // namespace warpladder::cli
