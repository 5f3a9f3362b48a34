// SPDX-License-Identifier: Apache-2.0
//
// Kernels that launch kernels and graphs, or decide what a graph does next. They need the device
// runtime: device_launches.cu is compiled as relocatable device code and linked with cudadevrt.
#pragma once

#include <cuda_runtime.h>

namespace warpladder::bench {

/// What kernels that launch others report: how many counted, and the error of a launch that
/// failed, if any did.
struct launch_report {
  unsigned count;
  unsigned error;      // a cudaError_t
  unsigned remaining;  // of relaunch_kernel and while_kernel; 0 between launches
  float sink;          // keeps arithmetic alive
};

enum class nested_stream { fire_and_forget, tail };

/// The work of a child, of a called function and of a chained kernel alike: a chain of
/// `work_multiply_adds` dependent multiply-adds, and one count.
constexpr int work_multiply_adds = 16;

/// The work once, launched by the host.
__global__ void work_kernel(launch_report* report, float seed);

/// Every thread launches `children` kernels of one thread that do the work.
__global__ void launch_children_kernel(launch_report* report, unsigned children,
                                       nested_stream where);

/// Does the work and launches itself as its own tail, `links` times in all.
__global__ void tail_chain_kernel(launch_report* report, unsigned links);

/// Does the work `calls` times: inlined, or by a function that is really called.
__global__ void inline_calls_kernel(launch_report* report, unsigned calls);
__global__ void noinline_calls_kernel(launch_report* report, unsigned calls);

/// The only kernel of a graph that launches itself again until report->remaining is 0.
__global__ void relaunch_kernel(launch_report* report);

/// In a graph: launches the first `count` of these graphs, fire and forget.
__global__ void launch_graphs_kernel(launch_report* report, const cudaGraphExec_t* graphs,
                                     unsigned count);

/// The body of a WHILE node: counts, and ends the loop when report->remaining is 0.
__global__ void while_kernel(launch_report* report, cudaGraphConditionalHandle again);

}  // namespace warpladder::bench
