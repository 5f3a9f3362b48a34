// SPDX-License-Identifier: Apache-2.0
//
// A layer of experts on tensor cores: routing, and three products for all experts at once.

#include <cuda_bf16.h>

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm_tc_grouped.cuh>
#include <warpladder/scan.cuh>

using element = __nv_bfloat16;
namespace tc = warpladder::gemm_tc;

constexpr int tokens = 150, experts = 5, hidden = 64, wide = 96;

__global__ void count_rows(const int* expert_of, int* counts) {
  const int token = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (token < tokens) atomicAdd(&counts[expert_of[token]], 1);
}

/// A block per token. `taken` counts what is placed so far; row_of says where each token went.
__global__ void sort_rows(const element* x, const int* expert_of, const int* starts, int* taken,
                          int* row_of, element* sorted) {
  __shared__ int row;
  const int token = int(blockIdx.x), expert = expert_of[token];
  if (threadIdx.x == 0) row_of[token] = row = starts[expert] + atomicAdd(&taken[expert], 1);
  __syncthreads();
  for (int i = int(threadIdx.x); i < hidden; i += int(blockDim.x))
    sorted[row * hidden + i] = x[token * hidden + i];
}

// [the epilogue]
/// x * gate[row][column], while x is still in a register: no kernel reads and writes it again.
struct times {
  const element* gate = nullptr;

  template <class X>
  __device__ float operator()(X x, std::int64_t row, std::int64_t col, std::int64_t) const {
    return float(x) * float(gate[row * wide + col]);
  }
};
// [/the epilogue]

/// The product of all experts: rows sorted by expert, a matrix of n x k each.
template <class Epilogue>
cudaError_t multiply(const element* a, int k, const element* weights, int n, element* c,
                     const int* starts, Epilogue epilogue, cudaStream_t stream) {
  const tc::grouped_problem<element, element, Epilogue> p{.rows = tokens,
                                                          .n = n,
                                                          .k = k,
                                                          .groups = experts,
                                                          .row_offsets = starts,
                                                          .a = a,
                                                          .lda = k,
                                                          .b = weights,
                                                          .ldb = k,
                                                          .stride_b = std::int64_t{n} * k,
                                                          .c = c,
                                                          .ldc = n,
                                                          .trans_b = tc::transpose::yes,
                                                          .epilogue = epilogue};
  return tc::run_grouped(p, stream);
}

std::vector<element> random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<element> values(count);
  for (element& value : values) value = element(float(generator()) * 0x1p-33f - 0.25f);
  return values;
}

int main() {
  warpladder::device_facts device;
  if (query_device(device) != cudaSuccess || device.compute_capability < 80) {
    std::puts("no GPU with tensor cores for bf16: nothing to run on");
    return 77;
  }
  const auto x = random_values(tokens * hidden, 1);
  const auto gate = random_values(experts * wide * hidden, 2);
  const auto up = random_values(experts * wide * hidden, 3);
  const auto down = random_values(experts * hidden * wide, 4);
  std::vector<int> expert_of(tokens);
  for (int token = 0; token < tokens; ++token)
    expert_of[token] = token * token % experts;  // 0, 1 or 4: two experts have nothing to do

  const warpladder::stream stream;
  const auto upload = [&]<class T>(const std::vector<T>& values) {
    warpladder::device_buffer<T> there(values.size());
    warpladder::copy_async<T>(there.view(), values, stream);
    return there;
  };
  const auto on_x = upload(x), on_gate = upload(gate), on_up = upload(up), on_down = upload(down);
  const auto on_expert_of = upload(expert_of);
  const auto counts = upload(std::vector<int>(experts + 1)),
             taken = upload(std::vector<int>(experts));
  const warpladder::device_buffer<int> starts(experts + 1), row_of(tokens);
  const warpladder::device_buffer<element> sorted(tokens * hidden), opened(tokens * wide),
      activations(tokens * wide), out(tokens * hidden);

  cudaError_t status = warpladder::launch_kernel(
      count_rows, {.grid = (tokens + 127) / 128, .block = 128, .stream = stream},
      on_expert_of.data(), counts.data());
  // One more than there are experts: starts[experts] is where all of them end.
  const warpladder::scan::problem<int> sums{.n = experts + 1,
                                            .in = counts.data(),
                                            .out = starts.data(),
                                            .what = warpladder::scan::kind::exclusive};
  const warpladder::device_buffer<std::byte> scratch(workspace_bytes(sums));
  if (status == cudaSuccess) status = run(sums, stream, {scratch.data(), scratch.size()});
  if (status == cudaSuccess)
    status = warpladder::launch_kernel(sort_rows, {.grid = tokens, .block = 64, .stream = stream},
                                       on_x.data(), on_expert_of.data(), starts.data(),
                                       taken.data(), row_of.data(), sorted.data());
  // [the layer]
  if (status == cudaSuccess)
    status = multiply(sorted.data(), hidden, on_gate.data(), wide, opened.data(), starts.data(),
                      tc::silu{}, stream);
  if (status == cudaSuccess)
    status = multiply(sorted.data(), hidden, on_up.data(), wide, activations.data(), starts.data(),
                      times{opened.data()}, stream);
  if (status == cudaSuccess)
    status = multiply(activations.data(), wide, on_down.data(), hidden, out.data(), starts.data(),
                      tc::no_epilogue{}, stream);
  // [/the layer]
  if (status != cudaSuccess) {
    std::printf("refused: %s\n", cudaGetErrorString(status));
    return 1;
  }

  std::vector<int> rows(tokens);
  std::vector<element> got(tokens * hidden);
  warpladder::copy_async<int>(rows, row_of.view(), stream);
  warpladder::copy_async<element>(got, out.view(), stream);
  stream.synchronize();

  double largest_error = 0;
  for (int token = 0; token < tokens; ++token) {
    const int expert = expert_of[token];
    std::vector<double> inner(wide);
    for (int j = 0; j < wide; ++j) {
      double g = 0, u = 0;
      for (int i = 0; i < hidden; ++i) {
        const std::size_t at = (std::size_t(expert) * wide + j) * hidden + i;
        const double value = float(x[token * hidden + i]);
        g += value * float(gate[at]), u += value * float(up[at]);
      }
      inner[j] = g / (1 + std::exp(-g)) * u;
    }
    for (int i = 0; i < hidden; ++i) {
      double sum = 0, size = 0;
      for (int j = 0; j < wide; ++j) {
        const double part = inner[j] * float(down[(std::size_t(expert) * hidden + i) * wide + j]);
        sum += part, size += std::fabs(part);
      }
      const double error = std::fabs(float(got[rows[token] * hidden + i]) - sum);
      largest_error = std::fmax(largest_error, error / size);
      if (!(error >= 0)) largest_error = 1;  // NaN
    }
  }
  // Three roundings to bf16, 2^-9 each, on the way: two of an activation, one of the result.
  const bool right = largest_error < 3 * 0x1p-9;
  std::printf("%d tokens, %d experts: %s, relative error at most %.1e\n", tokens, experts,
              right ? "right" : "WRONG", largest_error);
  return right ? 0 : 1;
}
