// SPDX-License-Identifier: Apache-2.0
#include <launch_overheads/device_launches.hpp>

namespace warpladder::bench {
namespace {

__device__ __forceinline__ float work(launch_report* report, float x) {
#pragma unroll
  for (int i = 0; i < work_multiply_adds; ++i) x = fmaf(x, 0.999f, 0.5f);
  atomicAdd(&report->count, 1);
  return x;
}

__device__ __noinline__ float called_work(launch_report* report, float x) {
  return work(report, x);
}

// Never true, which the compiler cannot know.
__device__ void keep(launch_report* report, float x) {
  if (x < 0) report->sink = x;
}

__device__ void note(launch_report* report, cudaError_t status) {
  if (status != cudaSuccess) atomicCAS(&report->error, 0u, unsigned(status));
}

}  // namespace

__global__ void work_kernel(launch_report* report, float seed) {
  keep(report, work(report, seed));
}

__global__ void launch_children_kernel(launch_report* report, unsigned children,
                                       nested_stream where) {
  for (unsigned i = 0; i < children; ++i) {
    if (where == nested_stream::tail) {
      work_kernel<<<1, 1, 0, cudaStreamTailLaunch>>>(report, float(i));
    } else {
      work_kernel<<<1, 1, 0, cudaStreamFireAndForget>>>(report, float(i));
    }
    note(report, cudaGetLastError());
  }
}

__global__ void tail_chain_kernel(launch_report* report, unsigned links) {
  keep(report, work(report, float(links)));
  if (links <= 1) return;
  tail_chain_kernel<<<1, 1, 0, cudaStreamTailLaunch>>>(report, links - 1);
  note(report, cudaGetLastError());
}

__global__ void inline_calls_kernel(launch_report* report, unsigned calls) {
  float x = 1;
#pragma unroll 1
  for (unsigned i = 0; i < calls; ++i) x = work(report, x);
  keep(report, x);
}

__global__ void noinline_calls_kernel(launch_report* report, unsigned calls) {
  float x = 1;
#pragma unroll 1
  for (unsigned i = 0; i < calls; ++i) x = called_work(report, x);
  keep(report, x);
}

__global__ void relaunch_kernel(launch_report* report) {
  report->count += 1;
  report->remaining -= 1;
  if (report->remaining > 0)
    note(report, cudaGraphLaunch(cudaGetCurrentGraphExec(), cudaStreamGraphTailLaunch));
}

__global__ void launch_graphs_kernel(launch_report* report, const cudaGraphExec_t* graphs,
                                     unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    note(report, cudaGraphLaunch(graphs[i], cudaStreamGraphFireAndForget));
}

__global__ void while_kernel(launch_report* report, cudaGraphConditionalHandle again) {
  report->count += 1;
  report->remaining -= 1;
  cudaGraphSetConditional(again, report->remaining > 0);
}

}  // namespace warpladder::bench
