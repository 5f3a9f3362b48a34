// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <harness/ceilings.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

constexpr int chains = 16;  // independent multiply-adds per thread hide the 4 cycles of each
constexpr int steps = 32;   // unrolled: 512 multiply-adds per loop branch
constexpr int fma_threads = 256;
constexpr int fma_blocks_per_multiprocessor = 4;

/// x <- x * x + c on every chain. Two source registers, so the register banks cannot conflict; for
/// c = -1.8 the map is chaotic within [-2, 2], so the bits toggle as they do with random matrices
/// and the chip draws the power, and holds the clock, of real work.
__global__ void __launch_bounds__(fma_threads) fma_kernel(float* sink, float c, int rounds) {
  float x[chains];
  c += float(threadIdx.x) * 0x1p-20f;  // different per thread: in a register like a GEMM's operands
#pragma unroll
  for (int i = 0; i < chains; ++i) {
    x[i] = float((blockIdx.x * fma_threads + threadIdx.x) * chains + i) * 0x1p-24f;
  }
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int step = 0; step < steps; ++step) {
#pragma unroll
      for (int i = 0; i < chains; ++i) x[i] = __fmaf_rn(x[i], x[i], c);
    }
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < chains; ++i) sum += x[i];
  if (sum == 1e30f) *sink = sum;  // never true, but the compiler cannot know
}

__global__ void __launch_bounds__(256)
    copy_kernel(float4* to, const float4* from, std::size_t size) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    to[i] = from[i];
  }
}

/// The shortest time of one launch, after `settle` seconds of the same work.
double best_seconds(const launcher& launch, double settle, stream_view stream) {
  rotation one;
  workload work(launch, one, stream);
  work.seconds_per_launch(work.launches_lasting(settle));
  const std::size_t launches = work.launches_lasting(0.02);
  double best = work.seconds_per_launch(launches);
  for (int repeat = 1; repeat < 7; ++repeat) {
    best = std::min(best, work.seconds_per_launch(launches));
  }
  return best;
}

double measure_fma(int multiprocessors, stream_view stream) {
  const device_buffer<float> sink(1);
  const int blocks = multiprocessors * fma_blocks_per_multiprocessor;
  constexpr int rounds = 1000;
  const auto launch = [&](cudaStream_t on, std::size_t) {
    return warpladder::launch(fma_kernel,
                              {.grid = dim3(blocks), .block = fma_threads, .stream = on},
                              sink.data(), -1.8f, rounds);
  };
  const double flops = 2.0 * chains * steps * rounds * fma_threads * blocks;
  return flops / best_seconds(launch, 0.1, stream);
}

/// The faster of our own kernel and the runtime's copy.
double measure_copy(int multiprocessors, stream_view stream) {
  std::size_t free = 0, total = 0;
  WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
  const std::size_t floats = std::min<std::size_t>(std::size_t{1} << 30, free / 4) / 16 * 4;
  const device_buffer<float> from(floats), to(floats);
  WARPLADDER_TRY(fill_uniform(from.data(), floats, 1, stream));
  const auto by_kernel = [&](cudaStream_t on, std::size_t) {
    return warpladder::launch(copy_kernel,
                              {.grid = dim3(multiprocessors * 16), .block = 256, .stream = on},
                              reinterpret_cast<float4*>(to.data()),
                              reinterpret_cast<const float4*>(from.data()), floats / 4);
  };
  const auto by_runtime = [&](cudaStream_t on, std::size_t) {
    return cudaMemcpyAsync(to.data(), from.data(), from.size_bytes(), cudaMemcpyDeviceToDevice, on);
  };
  const double seconds =
      std::min(best_seconds(by_kernel, 0.05, stream), best_seconds(by_runtime, 0.05, stream));
  return 2.0 * double(from.size_bytes()) / seconds;
}

}  // namespace

ceilings measure_ceilings(stream_view stream) {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  return {.fma_flops_per_second = measure_fma(facts.multiprocessors, stream),
          .copy_bytes_per_second = measure_copy(facts.multiprocessors, stream)};
}

}  // namespace warpladder::bench
