// SPDX-License-Identifier: Apache-2.0
//
// Any rung of any ladder on operands of its own: what explain, check and counters run.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <string>
#include <vector>
#include <warpladder/core/rung.hpp>

namespace warpladder::cli {

/// A rung and a problem, with its memory.
struct rung_case {
  std::string shape;         ///< "128x128x128"
  std::string why_not = {};  ///< "" if the rung can do it here
  double flops = 0;          ///< 0 for work that is all memory
  std::function<cudaError_t(cudaStream_t)> launch = {};
  std::function<std::string()> explain_wrong = {};  ///< after the launch: "" if the result is right
};

struct runnable_rung {
  std::string name;  ///< "gemm/06_vectorized"
  rung_info info;
  std::string shape_help;           ///< what --shape takes
  std::vector<std::string> shapes;  ///< to check it on; explain takes the first that it supports
  std::function<rung_case(const std::string& shape)> make;
};

/// Every rung that is compiled here, ladder by ladder, and the front doors.
std::vector<runnable_rung> all_rungs();

void add_gemm_rungs(std::vector<runnable_rung>& to);
void add_memory_rungs(std::vector<runnable_rung>& to);

/// Device memory for reports to call by name; nothing on backends that do not trace.
void name_buffer(const void* device_pointer, const std::string& name);

}  // namespace warpladder::cli
