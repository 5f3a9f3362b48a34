// SPDX-License-Identifier: Apache-2.0
//
// Any rung of any ladder on operands of its own: what explain, check, counters and, on the host,
// climb run.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <string>
#include <vector>
#include <warpladder/core/rung.hpp>

namespace warpladder::cli {

/// A rung and a problem, with its memory.
struct rung_case {
  std::string shape;             ///< "128x128x128"
  std::string why_not = {};      ///< "" if the rung can do it here
  double flops = 0;              ///< 0 for work that is all memory
  bool on_tensor_cores = false;  ///< whose peak is the flops' roof
  double bytes = 0;  ///< what any method must move: inputs read once, outputs written once
  std::function<cudaError_t(cudaStream_t)> launch = {};
  std::function<std::string()> explain_wrong = {};  ///< after the launch: "" if the result is right
  /// After a right result, if a bound was proven for its error: the largest error / bound.
  std::function<double()> error_over_bound = {};
  std::function<std::string()> choice = {};  ///< what a front door runs, in words
};

struct runnable_rung {
  std::string name;  ///< "gemm/06_vectorized"
  rung_info info;
  std::string shape_help;           ///< what --shape takes
  std::vector<std::string> shapes;  ///< to check it on; explain takes the first that it supports
  std::function<rung_case(const std::string& shape)> make;
  bool has_counters = true;  ///< false: it polls, anew in every run, or kernels are not its point
};

/// Every rung that is compiled here, topic by topic and ladder by ladder, and the front doors.
std::vector<runnable_rung> all_rungs();

void add_gemm_rungs(std::vector<runnable_rung>& to);
void add_gemm_tc_rungs(std::vector<runnable_rung>& to);
void add_grid_sync_rungs(std::vector<runnable_rung>& to);
void add_memory_rungs(std::vector<runnable_rung>& to);
void add_pipeline_rungs(std::vector<runnable_rung>& to);
void add_reduce_rungs(std::vector<runnable_rung>& to);
void add_scan_rungs(std::vector<runnable_rung>& to);
void add_rowwise_rungs(std::vector<runnable_rung>& to);
void add_solver_rungs(std::vector<runnable_rung>& to);
void add_transfer_rungs(std::vector<runnable_rung>& to);

/// Device memory for reports to call by name; nothing on backends that do not trace.
void name_buffer(const void* device_pointer, const std::string& name);

}  // namespace warpladder::cli
