// SPDX-License-Identifier: Apache-2.0
#include "ladders.hpp"

#include <gemm.hpp>
#include <gemm_shape.hpp>
#include <memory.hpp>
#include <memory_shape.hpp>
#include <span>

namespace warpladder::cli {
namespace {

/// `problem_of` makes a problem of a shape's text, for supports() alone.
template <class Problem, class ProblemOf>
ladder_facts with_rungs(ladder_facts ladder, std::span<const rung_entry<Problem>> rungs,
                        ProblemOf problem_of) {
  for (const auto& rung : rungs) ladder.rungs.push_back(rung.info);
  ladder.why_not = [=](int step, const std::string& shape) {
    for (const auto& rung : rungs) {
      if (rung.info.step == step)
        return std::string(rung.supports(problem_of(shape, rung)).why_not);
    }
    return std::string();
  };
  return ladder;
}

template <class Problem>
ladder_facts memory_ladder(const char* name, const char* vendor, const char* front_door,
                           std::span<const rung_entry<Problem>> rungs) {
  ladder_facts facts{.title = std::string("memory: ") + name + " (float32)",
                     .name = name,
                     .vendor = vendor,
                     .front_door = front_door};
  if (!facts.front_door.empty()) facts.function = "warpladder::memory::" + facts.front_door;
  return with_rungs(facts, rungs, [](const std::string& shape, const auto& rung) {
    return bench::problem_of<Problem>(bench::parse_memory_shape(shape), rung.supports);
  });
}

}  // namespace

std::vector<ladder_facts> ladders_of(std::string_view topic) {
  if (topic == "gemm") {
    return {with_rungs({.title = "gemm (float32)",
                        .name = "gemm",
                        .vendor = "cuBLAS",
                        .front_door = "run",
                        .function = "warpladder::gemm::run"},
                       tables::gemm<float>(), [](const std::string& text, const auto&) {
                         const bench::gemm_shape shape = bench::parse_gemm_shape(text);
                         gemm::problem<float> p;
                         p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
                         p.lda = shape.k, p.ldb = shape.n, p.ldc = shape.n;
                         p.stride_a = shape.m * shape.k, p.stride_b = shape.k * shape.n;
                         p.stride_c = shape.m * shape.n;
                         return p;
                       })};
  }
  return {memory_ladder("transposes", "cuBLAS", "transpose", tables::transpose_rungs()),
          memory_ladder("copies", "cudaMemcpy", "copy_2d", tables::copy_rungs()),
          memory_ladder("layouts", "rung 20", "", tables::layout_rungs()),
          memory_ladder("lookups", "rung 30", "", tables::lookup_rungs())};
}

}  // namespace warpladder::cli
