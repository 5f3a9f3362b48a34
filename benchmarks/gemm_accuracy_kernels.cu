// SPDX-License-Identifier: Apache-2.0
#include <gemm_accuracy_kernels.hpp>
#include <type_traits>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace warpladder::bench {
namespace {

__global__ void scale_kernel(float* x, int rows, int cols, const int* exponents, bool by_row) {
  const int row = blockIdx.y, col = blockIdx.x * blockDim.x + threadIdx.x;
  if (col >= cols) return;
  float& element = x[std::size_t(row) * cols + col];
  element = ldexpf(element, exponents[by_row ? row : col]);
}

/// To the nearest float with 10 stored bits of mantissa, ties away from zero, as cvt.rna.tf32 does.
/// Not for NaN and for values so large that they round to infinity.
__device__ float round_to(float x, float) {
  return __uint_as_float((__float_as_uint(x) + 0x1000u) & ~0x1fffu);
}
__device__ __nv_bfloat16 round_to(float x, __nv_bfloat16) {
  return __float2bfloat16_rn(x);
}
__device__ __half round_to(float x, __half) {
  return __float2half_rn(x);
}

template <class Narrow>
__global__ void split_kernel(const float* x, std::size_t size, Narrow* high, Narrow* low) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    high[i] = round_to(x[i], Narrow{});
    if (low != nullptr) low[i] = round_to(x[i] - float(high[i]), Narrow{});  // exact difference
  }
}

template <class Narrow>
cudaError_t split_by_kernel(const float* x, std::size_t size, Narrow* high, Narrow* low,
                            cudaStream_t stream) {
  return launch_kernel(split_kernel<Narrow>, {.grid = 1024, .block = 256, .stream = stream}, x,
                       size, high, low);
}

template <class Narrow>
__global__ void quantise_kernel(const float* in, std::size_t size, float scale, Narrow* out) {
  const std::size_t step = std::size_t(gridDim.x) * blockDim.x;
  for (std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    const float value = in[i] / scale;
    if constexpr (std::is_same_v<Narrow, std::int8_t>) {
      out[i] = static_cast<std::int8_t>(rintf(fminf(fmaxf(value, -127), 127)));
    } else {
      out[i] = Narrow(value);  // saturates
    }
  }
}

template <class Narrow>
cudaError_t quantise_by_kernel(const float* in, std::size_t size, float scale, Narrow* out,
                               cudaStream_t stream) {
  return launch_kernel(quantise_kernel<Narrow>, {.grid = 1024, .block = 256, .stream = stream}, in,
                       size, scale, out);
}

template <class Narrow>
__global__ void widen_kernel(const Narrow* in, std::size_t size, float scale, float* out) {
  const std::size_t i = std::size_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < size) out[i] = float(in[i]) * scale;
}

template <class Narrow>
cudaError_t widen_by_kernel(const Narrow* in, std::size_t size, float scale, float* out,
                            cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(ceil_div<std::size_t>(size, 256));
  return launch_kernel(widen_kernel<Narrow>, {.grid = blocks, .block = 256, .stream = stream}, in,
                       size, scale, out);
}

__global__ void transpose_kernel(const float* in, int rows, int cols, float* out) {
  const int row = blockIdx.y, col = blockIdx.x * blockDim.x + threadIdx.x;
  if (col < cols) out[std::size_t(col) * rows + row] = in[std::size_t(row) * cols + col];
}

__global__ void reference_kernel(const float* a, const float* b, int m, int n, int k,
                                 double* product, double* magnitude) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y;
  const int col = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= m || col >= n) return;
  double sum = 0, sum_of_magnitudes = 0;
  for (int i = 0; i < k; ++i) {
    const double term = double(a[std::size_t(row) * k + i]) * double(b[std::size_t(i) * n + col]);
    sum += term;
    sum_of_magnitudes += fabs(term);
  }
  product[std::size_t(row) * n + col] = sum;
  magnitude[std::size_t(row) * n + col] = sum_of_magnitudes;
}

}  // namespace

cudaError_t scale_by_powers_of_two(float* x, int rows, int cols, const int* exponents, bool by_row,
                                   cudaStream_t stream) {
  return launch_kernel(scale_kernel,
                       {.grid = dim3(ceil_div(cols, 256), rows), .block = 256, .stream = stream}, x,
                       rows, cols, exponents, by_row);
}

cudaError_t split(const float* x, std::size_t size, float* high, float* low, cudaStream_t stream) {
  return split_by_kernel(x, size, high, low, stream);
}
cudaError_t split(const float* x, std::size_t size, __nv_bfloat16* high, __nv_bfloat16* low,
                  cudaStream_t stream) {
  return split_by_kernel(x, size, high, low, stream);
}
cudaError_t split(const float* x, std::size_t size, __half* high, __half* low,
                  cudaStream_t stream) {
  return split_by_kernel(x, size, high, low, stream);
}

cudaError_t quantise(const float* in, std::size_t size, float scale, __nv_fp8_e4m3* out,
                     cudaStream_t stream) {
  return quantise_by_kernel(in, size, scale, out, stream);
}
cudaError_t quantise(const float* in, std::size_t size, float scale, std::int8_t* out,
                     cudaStream_t stream) {
  return quantise_by_kernel(in, size, scale, out, stream);
}

cudaError_t widen(const __half* in, std::size_t size, float scale, float* out,
                  cudaStream_t stream) {
  return widen_by_kernel(in, size, scale, out, stream);
}
cudaError_t widen(const std::int32_t* in, std::size_t size, float scale, float* out,
                  cudaStream_t stream) {
  return widen_by_kernel(in, size, scale, out, stream);
}

cudaError_t transpose(const float* in, int rows, int cols, float* out, cudaStream_t stream) {
  return launch_kernel(transpose_kernel,
                       {.grid = dim3(ceil_div(cols, 256), rows), .block = 256, .stream = stream},
                       in, rows, cols, out);
}

cudaError_t reference_product(const float* a, const float* b, int m, int n, int k, double* product,
                              double* magnitude, cudaStream_t stream) {
  return launch_kernel(
      reference_kernel,
      {.grid = dim3(ceil_div(n, 32), ceil_div(m, 8)), .block = dim3(32, 8), .stream = stream}, a, b,
      m, n, k, product, magnitude);
}

}  // namespace warpladder::bench
