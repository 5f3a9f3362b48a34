// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include <pipeline_verify.hpp>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

constexpr unsigned blocks = 1024, threads = 256;

__global__ void count_wrong_kernel(const float* in, const float* out, std::int64_t n, int rounds,
                                   unsigned long long* wrong) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += stride) {
    float x = in[i];
    for (int round = 0; round < rounds; ++round) x = fmaf(x, x, -1.9f);
    if (__float_as_uint(out[i]) != __float_as_uint(x)) atomicAdd(wrong, 1ull);
  }
}

__global__ void poison_kernel(float* out, std::int64_t n) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += stride)
    out[i] = __uint_as_float(0x7fc0'0000u);
}

}  // namespace

std::uint64_t count_wrong(const pipeline::problem& p, stream_view stream) {
  const device_buffer<unsigned long long> wrong(1);
  unsigned long long count = 0;
  copy_async<unsigned long long>(wrong.view(), {&count, 1}, stream);
  WARPLADDER_TRY(launch_kernel(count_wrong_kernel,
                               {.grid = blocks, .block = threads, .stream = stream}, p.in, p.out,
                               p.n, p.rounds, wrong.data()));
  copy_async<unsigned long long>({&count, 1}, wrong.view(), stream);
  stream.synchronize();
  return count;
}

cudaError_t poison_output(const pipeline::problem& p, cudaStream_t stream) {
  return launch_kernel(poison_kernel, {.grid = blocks, .block = threads, .stream = stream}, p.out,
                       p.n);
}

}  // namespace warpladder::bench
