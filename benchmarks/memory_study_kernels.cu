// SPDX-License-Identifier: Apache-2.0
#include <memory_study_kernels.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

constexpr int threads = 256;
constexpr int loads = 4;  // in flight per thread

__global__ void __launch_bounds__(threads)
    strided_read_kernel(const float* in, std::int64_t count, std::int64_t stride,
                        std::uint32_t* part_of_block) {
  const std::int64_t step = std::int64_t(gridDim.x) * threads;
  std::uint32_t bits = 0;
  for (std::int64_t first = std::int64_t(blockIdx.x) * threads + threadIdx.x; first < count;
       first += loads * step) {
    float loaded[loads] = {};  // the bits of 0 change nothing
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      if (first + k * step < count) loaded[k] = in[(first + k * step) * stride];
    }
#pragma unroll
    for (int k = 0; k < loads; ++k) bits ^= __float_as_uint(loaded[k]);
  }

  __shared__ std::uint32_t part_of_warp[threads / 32];
  for (int apart = 16; apart > 0; apart /= 2) bits ^= __shfl_xor_sync(0xffffffffu, bits, apart);
  if (threadIdx.x % 32 == 0) part_of_warp[threadIdx.x / 32] = bits;
  __syncthreads();  // the parts are written
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < threads / 32; ++warp) bits ^= part_of_warp[warp];
  part_of_block[blockIdx.x] = bits;
}

}  // namespace

cudaError_t strided_read(const float* in, std::int64_t count, std::int64_t stride,
                         std::uint32_t* part_of_block, cudaStream_t stream) {
  return warpladder::launch_kernel(
      strided_read_kernel,
      {.grid = dim3(strided_read_blocks), .block = dim3(threads), .stream = stream}, in, count,
      stride, part_of_block);
}

}  // namespace warpladder::bench
