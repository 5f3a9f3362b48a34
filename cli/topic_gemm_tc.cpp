// SPDX-License-Identifier: Apache-2.0
#include <gemm_tc.hpp>
#include <gemm_tc_shape.hpp>

#include "topics.hpp"

namespace warpladder::cli {

topic gemm_tc_topic() {
  // supports() of bf16 stands for that of all types: rows of a packed problem are whole or not.
  using problem = gemm_tc::problem<__nv_bfloat16, __nv_bfloat16>;
  const auto problem_of = [](const std::string& text, const auto&) {
    return bench::packed_gemm_tc<problem>(bench::parse_gemm_tc_shape(text, false));
  };
  return {.name = "gemm_tc",
          .size_help = bench::gemm_tc_shape_help,
          .quick_sizes = "4096",
          .checked = "against float64",
          .is_arithmetic = true,
          .bound = "the tensor cores, or of memory where that is what binds",
          .ladders = {with_rungs({.title = "gemm_tc",
                                  .name = "gemm_tc",
                                  .vendor = "cublasLt",
                                  .front_doors = {{"run", "warpladder::gemm_tc::run"}}},
                                 tables::gemm_tc<__nv_bfloat16, __nv_bfloat16>(), problem_of)},
          .check_size = [](const std::string& size) { bench::parse_gemm_tc_shape(size, false); },
          .add_rungs = add_gemm_tc_rungs};
}

}  // namespace warpladder::cli
