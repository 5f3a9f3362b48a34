// SPDX-License-Identifier: Apache-2.0
//
// What the commands know of a topic. A new one is a file topic_<name>.cpp, one rung_case_<name>.cpp
// with its operands, and its name in topics.cpp and CMakeLists.txt.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <warpladder/core/rung.hpp>

#include "rung_case.hpp"

namespace warpladder::cli {

/// A function that chooses a rung.
struct front_door {
  std::string name;      ///< as benchmarks call it: "run"
  std::string function;  ///< "warpladder::gemm::run"
};

/// A ladder as tables show it.
struct ladder_facts {
  std::string title;   ///< "gemm", "memory: transposes"
  std::string name;    ///< "gemm", "transposes"
  std::string vendor;  ///< whom rungs are compared with on a GPU
  std::vector<front_door> front_doors = {};
  std::vector<rung_info> rungs = {};
  /// Why a rung, by its step, cannot do a problem of this shape, as benchmarks write shapes; "" if
  /// it can.
  std::function<std::string(int step, const std::string& shape)> why_not = {};
  /// Is this, of the sizes that the topic knows, one for this ladder? Empty: all are.
  std::function<bool(const std::string& size)> takes = {};

  bool has_front_door(std::string_view name) const;
  bool has_rung(std::string_view full_name) const;
};

/// `ladder` with these rungs. `problem_of(shape, rung)` makes a problem of a shape's text, for
/// supports() alone.
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

struct topic {
  std::string name;
  std::string size_help;    ///< what --sizes takes
  std::string quick_sizes;  ///< of `climb --quick` on a GPU
  std::string checked;      ///< how results are judged: "against float64"
  bool is_arithmetic;       ///< rates are flop/s; else bytes/s
  bool is_latency = false;  ///< there is no rate, only a time
  std::string bound = {};  ///< "the busiest engine", if neither memory nor arithmetic is what binds
  std::vector<ladder_facts> ladders;
  /// Throws std::invalid_argument, saying what to write instead, if this is no size.
  std::function<void(const std::string& size)> check_size;
  std::function<void(std::vector<runnable_rung>&)> add_rungs;

  /// Work on float32 that the GPU's memory or arithmetic binds?
  bool has_roofline() const { return bound.empty() && !is_latency; }
};

const std::vector<topic>& topics();

/// "gemm, memory"
std::string topic_names();

/// All of them if `name` is empty; throws std::invalid_argument if there is none of this name.
std::vector<topic> topics_called(const std::string& name);

}  // namespace warpladder::cli
