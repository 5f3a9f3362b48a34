// SPDX-License-Identifier: Apache-2.0
#include <reduce_accuracy_kernels.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/reduce.cuh>

namespace warpladder::bench {
namespace {

struct add {
  __host__ __device__ double operator()(double a, double b) const { return a + b; }
};
struct widen {
  __host__ __device__ double operator()(float x) const { return x; }
};

reduce::problem<float, compensated_sum<float>> compensated(const float* in, std::int64_t n,
                                                           float* out) {
  return {.n = n, .in = in, .out = out};
}

auto in_double(const float* in, std::int64_t n, double* out) {
  const auto op = reduction_of<float>(0.0, add{}, widen{});
  return reduce::problem<float, std::remove_const_t<decltype(op)>>{
      .n = n, .in = in, .out = out, .op = op};
}

__global__ void move_kernel(float* x, std::int64_t n) {
  const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    x[i] = 0.5f * x[i] + 0.5f;
  }
}

}  // namespace

cudaError_t sum_compensated(const float* in, std::int64_t n, float* out, cudaStream_t stream,
                            workspace_view workspace) {
  return reduce::run(compensated(in, n, out), stream, workspace);
}

std::size_t sum_compensated_workspace_bytes(const float* in, std::int64_t n) {
  return reduce::workspace_bytes(compensated(in, n, nullptr));
}

cudaError_t sum_in_double(const float* in, std::int64_t n, double* out, cudaStream_t stream,
                          workspace_view workspace) {
  return reduce::run(in_double(in, n, out), stream, workspace);
}

std::size_t sum_in_double_workspace_bytes(const float* in, std::int64_t n) {
  return reduce::workspace_bytes(in_double(in, n, nullptr));
}

cudaError_t move_to_unit_interval(float* x, std::int64_t n, cudaStream_t stream) {
  return launch_kernel(move_kernel, {.grid = 1024, .block = 256, .stream = stream}, x, n);
}

}  // namespace warpladder::bench
