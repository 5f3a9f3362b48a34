// SPDX-License-Identifier: Apache-2.0
#include <gemm.hpp>
#include <gemm_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {

topic gemm_topic() {
  const auto problem_of = [](const std::string& text, const auto&) {
    const bench::gemm_shape shape = bench::parse_gemm_shape(text);
    gemm::problem<float> p;
    p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
    p.lda = shape.k, p.ldb = shape.n, p.ldc = shape.n;
    p.stride_a = shape.m * shape.k, p.stride_b = shape.k * shape.n;
    p.stride_c = shape.m * shape.n;
    return p;
  };
  return {.name = "gemm",
          .size_help = "N for a cube, MxNxK, or MxNxKxbBATCH",
          .quick_sizes = "1024",
          .checked = "against float64",
          .is_arithmetic = true,
          .ladders = {with_rungs({.title = "gemm",
                                  .name = "gemm",
                                  .vendor = "cuBLAS",
                                  .front_doors = {{"run", "warpladder::gemm::run"}}},
                                 tables::gemm<float>(), problem_of)},
          .check_size = [](const std::string& size) { bench::parse_gemm_shape(size); },
          .add_rungs = add_gemm_rungs};
}

}  // namespace warpladder::cli
