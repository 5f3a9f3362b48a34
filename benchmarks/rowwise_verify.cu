// SPDX-License-Identifier: Apache-2.0
//
// u = 2^-24 is half a unit in the last place of a float, gamma = (2 cols + 80) u. A sum of cols
// terms errs by at most cols u of the sum of their magnitudes, whatever its order; a second cols u
// are for methods that rescale what they have summed up, or update a mean, with every element; the
// rest is for the roundings of a single element.
//
// softmax: e^(x - m) / S. x - m and its product with log2(e) are rounded, 2 |x - m| u in the
// exponent, and 2^x errs by 4 u; rescaling from one maximum to the next does this once more. All
// terms of S are positive, so that all errors are relative ones: gamma + 8 |x - m| u of the result,
// with the largest |x - m| that matters, 20, for the terms of S. Below 2^-126 results may be 0.
//
// norms: y = (x - mean) r, r = 1 / sqrt(variance + epsilon), out = y w + b.
//   mean      gamma * mean |x|
//   variance  gamma * mean x^2 and the square of the mean's error; r has half of the relative error
//   y         r * (error of mean) + |y| * (relative error of r + 4 u)
//   out       |w| * (error of y) + 2 u (|y w| + |out|)
// bfloat16 adds the rounding of the result, 2^-8 |out|, for all.
#include <cmath>
#include <harness/mix.cuh>
#include <rowwise_verify.hpp>
#include <type_traits>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

constexpr int threads = 128;
constexpr double u = 0x1p-24;

template <class T>
__global__ void fill_rows_kernel(T* matrix, std::int64_t cols, std::int64_t ld,
                                 row_pattern pattern) {
  const std::int64_t row = blockIdx.x;
  const float large = 1 + float(row % 64);  // exact in bfloat16
  const std::int64_t apart = cols < 16 ? 1 : cols / 16;
  const auto peak = std::int64_t(mix(std::uint64_t(row)) % std::uint64_t(cols));
  for (std::int64_t col = threadIdx.x; col < cols; col += threads) {
    float value;
    if (pattern.what == rows_of::peaks) {
      value = col == peak ? 200.0f : 0.0f;  // e^200 overflows: who misses the maximum shows it
    } else if (col % apart != row % apart) {
      value = pattern.low;
    } else {
      value = pattern.signs && col / apart % 2 == 1 ? -large : large;
    }
    matrix[row * ld + col] = T(value);
  }
}

/// Of all threads' values; for all of them.
template <class Combine>
__device__ double of_block(double value, const Combine& combine) {
  __shared__ double values[threads];
  __syncthreads();  // the values of the call before have been read
  values[threadIdx.x] = value;
  __syncthreads();
  double total = values[0];
  for (int i = 1; i < threads; ++i) total = combine(total, values[i]);
  return total;
}

struct plus {
  __device__ double operator()(double a, double b) const { return a + b; }
};
struct larger {
  __device__ double operator()(double a, double b) const { return a > b ? a : b; }
};

template <class T>
__device__ bool is_wrong(T got, double expected, double bound) {
  if (std::is_same_v<T, __nv_bfloat16>) bound += 0x1p-8 * fabs(expected) * (1 + bound);
  return !(fabs(double(float(got)) - expected) <= bound + 0x1p-126);
}

/// A block per row.
template <class T>
__global__ void compare_kernel(rowwise::softmax_problem<T> p, unsigned long long* wrong) {
  const T* const in = p.in + blockIdx.x * p.ld_in;
  const T* const out = p.out + blockIdx.x * p.ld_out;
  double largest = -INFINITY, sum = 0;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    largest = larger{}(largest, double(float(in[i])));
  largest = of_block(largest, larger{});
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads)
    sum += exp(double(float(in[i])) - largest);
  sum = of_block(sum, plus{});

  const double gamma = (2.0 * double(p.cols) + 80) * u;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const double below = largest - double(float(in[i])), expected = exp(-below) / sum;
    const double relative = gamma + 8 * (below + 20) * u;
    if (is_wrong(out[i], expected, expected * relative)) atomicAdd(wrong, 1ull);
  }
}

template <class T>
__global__ void compare_kernel(rowwise::norm_problem<T> p, unsigned long long* wrong) {
  const T* const in = p.in + blockIdx.x * p.ld_in;
  const T* const out = p.out + blockIdx.x * p.ld_out;
  const double n = double(p.cols);
  double sum = 0, magnitudes = 0, squares = 0, deviations = 0;
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const double x = double(float(in[i]));
    sum += x, magnitudes += fabs(x), squares += x * x;
  }
  const double mean = p.what == rowwise::norm::layer ? of_block(sum, plus{}) / n : 0;
  magnitudes = of_block(magnitudes, plus{});
  squares = of_block(squares, plus{});
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const double apart = double(float(in[i])) - mean;
    deviations += apart * apart;
  }
  const double floored_variance = of_block(deviations, plus{}) / n + double(p.epsilon);

  const double gamma = (2 * n + 80) * u;
  const double mean_error = p.what == rowwise::norm::layer ? gamma * magnitudes / n : 0;
  const double scale = 1 / sqrt(floored_variance);
  const double scale_error =
      (gamma * squares / n + mean_error * mean_error) / floored_variance + 8 * u;  // relative
  for (std::int64_t i = threadIdx.x; i < p.cols; i += threads) {
    const double y = (double(float(in[i])) - mean) * scale;
    const double w = p.weight != nullptr ? double(float(p.weight[i])) : 1;
    const double b = p.bias != nullptr ? double(float(p.bias[i])) : 0;
    const double expected = y * w + b;
    const double y_error = mean_error * scale + fabs(y) * (scale_error + 4 * u);
    const double bound = fabs(w) * y_error + 2 * u * (fabs(y * w) + fabs(expected));
    if (is_wrong(out[i], expected, bound)) atomicAdd(wrong, 1ull);
  }
}

template <class Problem>
std::int64_t count(const Problem& p, stream_view stream) {
  if (p.is_empty()) return 0;
  const device_buffer<unsigned long long> on_device(1);
  WARPLADDER_TRY(cudaMemsetAsync(on_device.data(), 0, on_device.size_bytes(), stream));
  void (*const kernel)(Problem, unsigned long long*) = compare_kernel;
  WARPLADDER_TRY(launch_kernel(kernel,
                               {.grid = dim3(unsigned(p.rows)), .block = threads, .stream = stream},
                               p, on_device.data()));
  unsigned long long wrong = 0;
  copy_async<unsigned long long>({&wrong, 1}, on_device.view(), stream);
  stream.synchronize();
  return std::int64_t(wrong);
}

}  // namespace

template <class T>
cudaError_t fill_rows(T* matrix, std::int64_t rows, std::int64_t cols, std::int64_t ld,
                      const row_pattern& pattern, cudaStream_t stream) {
  if (rows == 0 || cols == 0) return cudaSuccess;
  return launch_kernel(fill_rows_kernel<T>,
                       {.grid = dim3(unsigned(rows)), .block = threads, .stream = stream}, matrix,
                       cols, ld, pattern);
}

template <class T>
std::int64_t count_wrong(const rowwise::softmax_problem<T>& p, stream_view stream) {
  return count(p, stream);
}

template <class T>
std::int64_t count_wrong(const rowwise::norm_problem<T>& p, stream_view stream) {
  return count(p, stream);
}

#define WARPLADDER_INSTANTIATE(T)                                                                  \
  template cudaError_t fill_rows(T*, std::int64_t, std::int64_t, std::int64_t, const row_pattern&, \
                                 cudaStream_t);                                                    \
  template std::int64_t count_wrong(const rowwise::softmax_problem<T>&, stream_view);              \
  template std::int64_t count_wrong(const rowwise::norm_problem<T>&, stream_view);
WARPLADDER_INSTANTIATE(float)
WARPLADDER_INSTANTIATE(__nv_bfloat16)
#undef WARPLADDER_INSTANTIATE

}  // namespace warpladder::bench
