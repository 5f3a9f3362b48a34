// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>
#include <warpladder/core/rung.hpp>

namespace warpladder::cli {

/// A ladder as tables show it.
struct ladder_facts {
  std::string title;            ///< "gemm (float32)", "memory: transposes (float32)"
  std::string name;             ///< "gemm", "transposes"
  std::string vendor;           ///< whom rungs are compared with on a GPU
  std::string front_door = {};  ///< as benchmarks call it: "run"; "": there is none
  std::string function = {};    ///< what that is: "warpladder::gemm::run"
  std::vector<rung_info> rungs = {};
  /// Why a rung, by its step, cannot do a problem of this shape, as benchmarks write shapes; "" if
  /// it can.
  std::function<std::string(int step, const std::string& shape)> why_not = {};
};

std::vector<ladder_facts> ladders_of(std::string_view topic);

}  // namespace warpladder::cli
