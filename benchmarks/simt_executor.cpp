// SPDX-License-Identifier: Apache-2.0
// What the host executor itself costs. These figures budget tests; they say nothing about a GPU.
// The CPU column is the time of all threads of the process: steadier than wall time on a shared
// machine, and divided by the cores in use about the wall time of an idle one.
#include <benchmark/benchmark.h>
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdlib>
#include <vector>

namespace {

namespace cg = cooperative_groups;

// The usual shared-memory tile with a register block per thread: 64x64x8 per block, 4x4 per thread.
template <int BM, int BN, int BK, int TM, int TN>
__global__ void sgemm_tiled(int n, const float* a, const float* b, float* c) {
  constexpr int threads = (BM / TM) * (BN / TN);
  __shared__ float a_tile[BK][BM + 4];
  __shared__ float b_tile[BK][BN];
  const int tid = threadIdx.x, tx = tid % (BN / TN), ty = tid / (BN / TN);
  const int row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
  float sum[TM][TN] = {};
  for (int k0 = 0; k0 < n; k0 += BK) {
    for (int i = tid; i < BM * BK; i += threads) {
      a_tile[i % BK][i / BK] = a[(row0 + i / BK) * n + k0 + i % BK];
    }
    for (int i = tid; i < BK * BN; i += threads) {
      b_tile[i / BN][i % BN] = b[(k0 + i / BN) * n + col0 + i % BN];
    }
    __syncthreads();
    for (int k = 0; k < BK; ++k) {
      float row[TM], column[TN];
      for (int i = 0; i < TM; ++i) row[i] = a_tile[k][ty * TM + i];
      for (int j = 0; j < TN; ++j) column[j] = b_tile[k][tx * TN + j];
      for (int i = 0; i < TM; ++i) {
        for (int j = 0; j < TN; ++j) sum[i][j] += row[i] * column[j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < TM; ++i) {
    for (int j = 0; j < TN; ++j) c[(row0 + ty * TM + i) * n + col0 + tx * TN + j] = sum[i][j];
  }
}

template <int T>
__global__ void sgemm_one_output_per_thread(int n, const float* a, const float* b, float* c) {
  __shared__ float a_tile[T][T];
  __shared__ float b_tile[T][T];
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * T + y, column = blockIdx.x * T + x;
  float sum = 0;
  for (int k = 0; k < n; k += T) {
    a_tile[y][x] = a[row * n + k + x];
    b_tile[y][x] = b[(k + y) * n + column];
    __syncthreads();
    for (int i = 0; i < T; ++i) sum += a_tile[y][i] * b_tile[i][x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}

__global__ void barriers(int count) {
  for (int i = 0; i < count; ++i) __syncthreads();
}

__global__ void shuffles(int count, float* out) {
  float value = threadIdx.x;
  for (int i = 0; i < count; ++i) value += __shfl_xor_sync(0xffffffffu, value, 1);
  out[threadIdx.x] = value;
}

__global__ void grid_barriers(int count) {
  for (int i = 0; i < count; ++i) cg::this_grid().sync();
}

__global__ void saxpy(int n, float a, const float* x, float* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}

__global__ void nothing() {}

template <class... P, class... A>
void launch(dim3 grid, dim3 block, bool cooperative, void (*kernel)(P...), A... arguments) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = cooperative;
  const cudaLaunchConfig_t config{grid, block, 0, nullptr, &attribute, 1};
  cudaError_t error = cudaLaunchKernelEx(&config, kernel, arguments...);
  if (error == cudaSuccess) error = cudaDeviceSynchronize();
  if (error != cudaSuccess) {
    std::fprintf(stderr, "launch failed: %s\n", cudaGetErrorString(error));
    std::exit(1);
  }
}

struct matrices {
  explicit matrices(int n) : a(n * n), b(n * n), c(n * n), n(n) {
    for (int i = 0; i < n * n; ++i) {
      a[i] = static_cast<float>(i * 7 % 17 - 8);
      b[i] = static_cast<float>(i * 5 % 13 - 6);
    }
  }
  // The inputs are small integers, so that sums are exact whatever their order.
  bool right() const {
    for (int row = 0; row < n; row += 37) {
      for (int column = 0; column < n; ++column) {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += double{a[row * n + k]} * b[k * n + column];
        if (c[row * n + column] != static_cast<float>(sum)) return false;
      }
    }
    return true;
  }
  std::vector<float> a, b, c;
  int n;
};

void report_gemm(benchmark::State& state, const matrices& m) {
  if (!m.right()) {
    std::fprintf(stderr, "wrong result\n");
    std::exit(1);
  }
  state.counters["flops_per_second"] =
      benchmark::Counter(2.0 * m.n * m.n * m.n, benchmark::Counter::kIsIterationInvariantRate);
}

void sgemm_register_block(benchmark::State& state) {
  matrices m(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    launch(dim3(m.n / 64, m.n / 64), 256, false, sgemm_tiled<64, 64, 8, 4, 4>, m.n, m.a.data(),
           m.b.data(), m.c.data());
  }
  report_gemm(state, m);
}
BENCHMARK(sgemm_register_block)
    ->Arg(128)
    ->Arg(512)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void sgemm_tile_16(benchmark::State& state) {
  matrices m(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    launch(dim3(m.n / 16, m.n / 16), dim3(16, 16), false, sgemm_one_output_per_thread<16>, m.n,
           m.a.data(), m.b.data(), m.c.data());
  }
  report_gemm(state, m);
}
BENCHMARK(sgemm_tile_16)
    ->Arg(128)
    ->Arg(512)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

constexpr int repeats = 2000;

// Time of one operation, divided by the threads that make it. One block, hence one core.
void per_thread(benchmark::State& state, double operations) {
  state.counters["time_per_thread"] = benchmark::Counter(
      operations, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void barrier(benchmark::State& state) {
  const auto threads = static_cast<unsigned>(state.range(0));
  for (auto _ : state) launch(1, threads, false, barriers, repeats);
  per_thread(state, double{repeats} * threads);
}
BENCHMARK(barrier)
    ->Arg(32)
    ->Arg(256)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void barrier_random_schedule(benchmark::State& state) {
  simt::options options = simt::current_options();
  options.schedule = simt::schedule::random;
  const simt::scoped_options scope(options);
  barrier(state);
}
BENCHMARK(barrier_random_schedule)
    ->Arg(256)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void shuffle(benchmark::State& state) {
  const auto threads = static_cast<unsigned>(state.range(0));
  std::vector<float> out(threads);
  for (auto _ : state) launch(1, threads, false, shuffles, repeats, out.data());
  per_thread(state, double{repeats} * threads);
}
BENCHMARK(shuffle)
    ->Arg(32)
    ->Arg(256)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void grid_sync(benchmark::State& state) {
  const auto blocks = static_cast<unsigned>(state.range(0));
  simt::options options = simt::current_options();
  options.sm_count = 132;
  const simt::scoped_options scope(options);
  for (auto _ : state) launch(blocks, 256, true, grid_barriers, 10);
  state.counters["time_per_sync"] = benchmark::Counter(
      10, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(grid_sync)
    ->Arg(8)
    ->Arg(64)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void one_thread_per_element(benchmark::State& state) {
  const int n = 1 << 20;
  std::vector<float> x(n, 1.0f), y(n, 2.0f);
  for (auto _ : state) launch(n / 256, 256, false, saxpy, n, 2.0f, x.data(), y.data());
  per_thread(state, n);
}
BENCHMARK(one_thread_per_element)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void launch_and_wait(benchmark::State& state) {
  for (auto _ : state) launch(static_cast<unsigned>(state.range(0)), 32, false, nothing);
}
BENCHMARK(launch_and_wait)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMicrosecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void launch_throughput(benchmark::State& state) {
  const cudaLaunchConfig_t config{1, 32, 0, nullptr, nullptr, 0};
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) cudaLaunchKernelEx(&config, nothing);
    cudaDeviceSynchronize();
  }
  state.counters["time_per_launch"] = benchmark::Counter(
      100, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(launch_throughput)->Unit(benchmark::kMicrosecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
