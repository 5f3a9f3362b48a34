// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <harness/ceilings.hpp>
#include <harness/random.hpp>
#include <harness/workload.hpp>
#include <limits>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/shared_memory.cuh>

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

constexpr int read_threads = 256;
/// What the read kernels work on is a multiple of this: no probe needs to ask where the end is.
constexpr std::size_t read_granule = 1 << 20;

/// Adds up, `Loads` vectors in flight per thread. A tile is read by one block as a whole.
template <int Loads>
__global__ void __launch_bounds__(read_threads)
    read_kernel(const float4* from, std::size_t tiles, float* sink) {
  float4 sum{};
  for (std::size_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    float4 loaded[Loads];
#pragma unroll
    for (int k = 0; k < Loads; ++k) {
      loaded[k] = from[(tile * Loads + k) * read_threads + threadIdx.x];
    }
#pragma unroll
    for (int k = 0; k < Loads; ++k) {
      sum.x += loaded[k].x, sum.y += loaded[k].y, sum.z += loaded[k].z, sum.w += loaded[k].w;
    }
  }
  if (sum.x + sum.y + sum.z + sum.w == 1e30f) *sink = sum.x;  // as unlikely as above
}

/// Lets the copy engine bring everything to shared memory, where nobody looks at it: one thread per
/// block, which asks for the next piece of a slot as soon as the last one has landed.
template <int PieceBytes, int Stages>
__global__ void __launch_bounds__(1) bulk_read_kernel(const char* from, std::size_t pieces) {
  __shared__ transaction_barrier landed[Stages];
  char* const ring = dynamic_shared<char>();
  const auto request = [&](std::size_t piece, int slot) {
    landed[slot].arrive_and_expect(PieceBytes);
    bulk_copy_to_shared(ring + slot * PieceBytes, from + piece * PieceBytes, PieceBytes,
                        landed[slot]);
  };
  for (int slot = 0; slot < Stages; ++slot) landed[slot].init();
  std::size_t asked_for = blockIdx.x;
  for (int slot = 0; slot < Stages && asked_for < pieces; ++slot, asked_for += gridDim.x) {
    request(asked_for, slot);
  }
  int slot = 0;
  unsigned parity = 0;
  for (std::size_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
    landed[slot].wait(parity);
    if (asked_for < pieces) request(asked_for, slot);
    asked_for += gridDim.x;
    if (++slot == Stages) slot = 0, parity ^= 1;
  }
}

/// How long a kernel is tried.
struct patience {
  double settle, batch;  ///< seconds
  int repeats;
};
constexpr patience at_a_glance{0.002, 0.005, 3}, thorough{0.05, 0.02, 7};

/// The shortest time of one launch, after `settle` seconds of the same work.
double best_seconds(const launcher& launch, const patience& by, stream_view stream) {
  rotation one;
  workload work(launch, one, stream);
  work.seconds_per_launch(work.launches_lasting(by.settle));
  const std::size_t launches = work.launches_lasting(by.batch);
  double best = work.seconds_per_launch(launches);
  for (int repeat = 1; repeat < by.repeats; ++repeat) {
    best = std::min(best, work.seconds_per_launch(launches));
  }
  return best;
}

double measure_fma(int multiprocessors, stream_view stream) {
  const device_buffer<float> sink(1);
  const int blocks = multiprocessors * fma_blocks_per_multiprocessor;
  constexpr int rounds = 1000;
  const auto launch = [&](cudaStream_t on, std::size_t) {
    return warpladder::launch_kernel(fma_kernel,
                                     {.grid = dim3(blocks), .block = fma_threads, .stream = on},
                                     sink.data(), -1.8f, rounds);
  };
  const double flops = 2.0 * chains * steps * rounds * fma_threads * blocks;
  return flops / best_seconds(launch, {.settle = 0.1, .batch = 0.02, .repeats = 7}, stream);
}

/// The faster of our own kernel and the runtime's copy.
double measure_copy(int multiprocessors, stream_view stream) {
  std::size_t free = 0, total = 0;
  WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
  const std::size_t floats = std::min<std::size_t>(std::size_t{1} << 30, free / 4) / 16 * 4;
  const device_buffer<float> from(floats), to(floats);
  WARPLADDER_TRY(fill_uniform(from.data(), floats, 1, stream));
  const auto by_kernel = [&](cudaStream_t on, std::size_t) {
    return warpladder::launch_kernel(
        copy_kernel, {.grid = dim3(multiprocessors * 16), .block = 256, .stream = on},
        reinterpret_cast<float4*>(to.data()), reinterpret_cast<const float4*>(from.data()),
        floats / 4);
  };
  const auto by_runtime = [&](cudaStream_t on, std::size_t) {
    return cudaMemcpyAsync(to.data(), from.data(), from.size_bytes(), cudaMemcpyDeviceToDevice, on);
  };
  const double seconds = std::min(best_seconds(by_kernel, thorough, stream),
                                  best_seconds(by_runtime, thorough, stream));
  return 2.0 * double(from.size_bytes()) / seconds;
}

/// What can be tried to read `bytes`, a multiple of the granule.
std::vector<launcher> ways_to_read(const char* from, std::size_t bytes, float* sink,
                                   const device_facts& facts) {
  std::vector<launcher> ways;
  const auto add_loads = [&]<int Loads>(std::integral_constant<int, Loads>) {
    constexpr std::size_t tile_bytes = Loads * read_threads * sizeof(float4);
    static_assert(read_granule % tile_bytes == 0);
    const std::size_t tiles = bytes / tile_bytes, waves[] = {2, 4, 8, 16, 32, tiles};
    for (const std::size_t per_multiprocessor : waves) {
      const auto blocks =
          unsigned(std::min(tiles, per_multiprocessor * std::size_t(facts.multiprocessors)));
      ways.push_back([=](cudaStream_t on, std::size_t) {
        return warpladder::launch_kernel(
            read_kernel<Loads>, {.grid = dim3(blocks), .block = read_threads, .stream = on},
            reinterpret_cast<const float4*>(from), tiles, sink);
      });
    }
  };
  add_loads(std::integral_constant<int, 4>{});
  add_loads(std::integral_constant<int, 8>{});

  const auto add_bulk = [&]<int PieceBytes, int Stages>(std::integral_constant<int, PieceBytes>,
                                                        std::integral_constant<int, Stages>,
                                                        int blocks_per_multiprocessor) {
    static_assert(read_granule % PieceBytes == 0);
    const std::size_t pieces = bytes / PieceBytes;
    const unsigned blocks = unsigned(facts.multiprocessors * blocks_per_multiprocessor);
    ways.push_back([=](cudaStream_t on, std::size_t) {
      return warpladder::launch_kernel(
          bulk_read_kernel<PieceBytes, Stages>,
          {.grid = dim3(blocks), .block = 1, .shared_bytes = PieceBytes * Stages, .stream = on},
          from, pieces);
    });
  };
  if (facts.compute_capability >= 90) {
    add_bulk(std::integral_constant<int, 8192>{}, std::integral_constant<int, 4>{}, 6);
    add_bulk(std::integral_constant<int, 16384>{}, std::integral_constant<int, 6>{}, 2);
    add_bulk(std::integral_constant<int, 32768>{}, std::integral_constant<int, 6>{}, 1);
  }
  return ways;
}

/// The fastest of many ways to read memory far larger than the caches: all of them at a glance,
/// then the best again.
double measure_read(const device_facts& facts, stream_view stream) {
  std::size_t free = 0, total = 0;
  WARPLADDER_TRY(cudaMemGetInfo(&free, &total));
  const std::size_t wanted = std::min<std::size_t>(std::size_t{1} << 32, free / 2);
  const std::size_t bytes = std::max(wanted / read_granule, std::size_t{1}) * read_granule;
  const device_buffer<float> from(bytes / sizeof(float)), sink(1);
  WARPLADDER_TRY(fill_uniform(from.data(), from.size(), 1, stream));
  double best = std::numeric_limits<double>::infinity();
  launcher fastest;
  for (const launcher& way :
       ways_to_read(reinterpret_cast<const char*>(from.data()), bytes, sink.data(), facts)) {
    const double seconds = best_seconds(way, at_a_glance, stream);
    if (seconds < best) fastest = way;
    best = std::min(best, seconds);
  }
  return double(bytes) / std::min(best, best_seconds(fastest, thorough, stream));
}

}  // namespace

ceilings measure_ceilings(stream_view stream) {
  device_facts facts;
  WARPLADDER_TRY(query_device(facts));
  return {.fma_flops_per_second = measure_fma(facts.multiprocessors, stream),
          .copy_bytes_per_second = measure_copy(facts.multiprocessors, stream),
          .read_bytes_per_second = measure_read(facts, stream)};
}

}  // namespace warpladder::bench
