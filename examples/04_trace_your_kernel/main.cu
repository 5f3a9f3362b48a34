// SPDX-License-Identifier: Apache-2.0
//
// A row sum with two slips. It gives the right answer; the trace says what it costs, and where the
// answer is luck.

#include <cuda_runtime.h>

#include <cstdio>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

template <class T>
__global__ void row_sums(const T* matrix, T* sums, int cols) {
  __shared__ T partial[128];
  const T* row = matrix + blockIdx.x * cols;
  T sum = 0;
  for (int i = 0; i < cols / 128; ++i) sum += row[threadIdx.x * (cols / 128) + i];  // slip one
  partial[threadIdx.x] = sum;
  for (int half = 64; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
  }
  sums[blockIdx.x] = partial[0];  // slip two: all threads, and no barrier since thread 0 wrote
}

int main() {
  constexpr int rows = 64, cols = 2048;
  const warpladder::device_buffer<float> matrix(rows * cols), sums(rows);
  WARPLADDER_TRY(cudaMemset(matrix.data(), 0, matrix.size_bytes()));
  WARPLADDER_TRY(warpladder::launch_kernel(row_sums<float>,
                                           {.grid = rows, .block = 128, .stream = nullptr},
                                           matrix.data(), sums.data(), cols));
  WARPLADDER_TRY(cudaDeviceSynchronize());
  std::puts("done");
}
