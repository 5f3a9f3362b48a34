// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <gemm_tc_ceiling.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/core/warpgroup_mma.cuh>

namespace warpladder::bench {
namespace {

constexpr int warpgroups = 2, cols = 256, steps = 4;
constexpr int tile_bytes = (64 * warpgroups + cols) * 128;

/// Two warpgroups per multiprocessor multiply what lies in shared memory, over and over: nothing is
/// fetched, nothing is stored. Random operands, so that the chip draws the power of real work.
template <class In>
__global__ void __launch_bounds__(128 * warpgroups)
    product_kernel(const In* operands, float* sink, int rounds) {
  auto* const tile = reinterpret_cast<In*>(dynamic_shared<unsigned char>());
  for (int i = int(threadIdx.x); i < tile_bytes / int(sizeof(In)); i += int(blockDim.x))
    tile[i] = operands[i];
  fence_for_engines();
  __syncthreads();

  const auto* const bytes = reinterpret_cast<const unsigned char*>(tile);
  const matrix_descriptor a(bytes + threadIdx.x / 128 * (64 * 128), 0);
  const matrix_descriptor b(bytes + warpgroups * 64 * 128, 0);
  warpgroup_sum_t<In> sum[cols / 2] = {};
  warpgroup_products products;
  for (int round = 0; round < rounds; ++round) {
    products.begin();
#pragma unroll
    for (int step = 0; step < 2 * steps; ++step)
      products.start<In, cols, operand_major::k, operand_major::k>(
          sum, a.advanced(step % steps * 32), b.advanced(step % steps * 32), true);
    products.commit();
    products.wait<0>();
  }
  float total = 0;
#pragma unroll
  for (int i = 0; i < cols / 2; ++i) total += float(sum[i]);
  if (total == 1e30f) *sink = total;  // never true, but the compiler cannot know
}

template <class In>
double measure(int multiprocessors, stream_view stream) {
  const device_buffer<In> operands(tile_bytes / sizeof(In));
  const device_buffer<float> sink(1);
  WARPLADDER_TRY(fill_uniform(operands.data(), operands.size(), 3, stream));
  constexpr int rounds = 200;
  const auto launch = [&](cudaStream_t on, std::size_t) {
    return launch_kernel(product_kernel<In>,
                         {.grid = dim3(unsigned(multiprocessors)),
                          .block = 128 * warpgroups,
                          .shared_bytes = tile_bytes,
                          .stream = on},
                         operands.data(), sink.data(), rounds);
  };
  rotation one;
  workload work(launch, one, stream);
  work.seconds_per_launch(work.launches_lasting(0.1));  // until the clock has settled
  const std::size_t launches = work.launches_lasting(0.02);
  double best = work.seconds_per_launch(launches);
  for (int repeat = 1; repeat < 7; ++repeat)
    best = std::min(best, work.seconds_per_launch(launches));
  const double products = 64.0 * warpgroups * cols * warpgroup_mma_k<In> * 2 * steps * rounds;
  return 2 * products * multiprocessors / best;
}

/// By the data sheets and the highest clock, where the instruction of the probe does not exist.
double nominal(std::size_t input_bytes, const device_facts& facts) {
  int device = 0, kilohertz = 0;
  WARPLADDER_TRY(cudaGetDevice(&device));
  WARPLADDER_TRY(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, device));
  const double per_clock = facts.compute_capability >= 90   ? 4096
                           : facts.compute_capability == 80 ? 2048
                                                            : 1024;
  return per_clock * 2 / double(input_bytes) * facts.multiprocessors * 1e3 * kilohertz;
}

}  // namespace

template <class In>
double tensor_ceiling(stream_view stream) {
  static const double measured = [&] {
    device_facts facts;
    WARPLADDER_TRY(query_device(facts));
    return warpgroup_mma_available() ? measure<In>(facts.multiprocessors, stream)
                                     : nominal(sizeof(In), facts);
  }();
  return measured;
}

template double tensor_ceiling<__nv_bfloat16>(stream_view);
template double tensor_ceiling<__half>(stream_view);
template double tensor_ceiling<float>(stream_view);
template double tensor_ceiling<__nv_fp8_e4m3>(stream_view);
template double tensor_ceiling<__nv_fp8_e5m2>(stream_view);
template double tensor_ceiling<std::int8_t>(stream_view);

}  // namespace warpladder::bench
