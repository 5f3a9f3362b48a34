// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <solver_verify.hpp>
#include <utility>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

constexpr int threads = 256;

launch_config over(std::int64_t cells, stream_view stream) {
  const std::int64_t blocks = (cells + threads - 1) / threads;
  return {.grid = dim3(unsigned(std::min<std::int64_t>(blocks, 1 << 20))),
          .block = dim3(threads),
          .stream = stream};
}

/// Calls visit(k) for all cells, a thread after the other.
template <class Visit>
__device__ void for_cells(std::int64_t cells, const Visit& visit) {
  for (std::int64_t k = blockIdx.x * std::int64_t{threads} + threadIdx.x; k < cells;
       k += gridDim.x * std::int64_t{threads})
    visit(k);
}

__global__ void heat_kernel(const float* from, float* to, std::int64_t rows, std::int64_t cols,
                            float alpha) {
  for_cells(rows * cols, [&](std::int64_t k) {
    const std::int64_t i = k / cols, j = k % cols;
    float u = from[k];
    if (i > 0 && j > 0 && i + 1 < rows && j + 1 < cols) {
      const float around = (from[k - cols] + from[k + cols]) + (from[k - 1] + from[k + 1]);
      u = fmaf(alpha, fmaf(-4.0f, u, around), u);
    }
    to[k] = u;
  });
}

__global__ void count_differing_kernel(const float* x, const float* y, std::int64_t cells,
                                       unsigned long long* count) {
  for_cells(cells, [&](std::int64_t k) {
    if (__float_as_uint(x[k]) != __float_as_uint(y[k])) atomicAdd(count, 1ull);
  });
}

__global__ void widen_kernel(const float* from, double* to, std::int64_t cells) {
  for_cells(cells, [&](std::int64_t k) { to[k] = double(from[k]); });
}

__global__ void laplacian_kernel(const double* x, double* y, std::int64_t rows, std::int64_t cols) {
  for_cells(rows * cols, [&](std::int64_t k) {
    const std::int64_t i = k / cols, j = k % cols;
    y[k] = 4 * x[k] - (i > 0 ? x[k - cols] : 0) - (i + 1 < rows ? x[k + cols] : 0) -
           (j > 0 ? x[k - 1] : 0) - (j + 1 < cols ? x[k + 1] : 0);
  });
}

/// z = a x + y
__global__ void add_kernel(double a, const double* x, const double* y, double* z,
                           std::int64_t cells) {
  for_cells(cells, [&](std::int64_t k) { z[k] = a * x[k] + y[k]; });
}

__global__ void dot_kernel(const double* x, const double* y, std::int64_t cells, double* shares) {
  __shared__ double part[threads];
  double sum = 0;
  for_cells(cells, [&](std::int64_t k) { sum += x[k] * y[k]; });
  part[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int i = 1; i < threads; ++i) sum += part[i];
  shares[blockIdx.x] = sum;
}

using vector64 = device_buffer<double>;

/// float64 on the device, one kernel per operation.
class arithmetic {
 public:
  arithmetic(std::int64_t rows, std::int64_t cols, stream_view stream)
      : rows_(rows), cols_(cols), stream_(stream) {}

  vector64 widened(const float* x) const {
    vector64 wide = empty();
    WARPLADDER_TRY(launch_kernel(widen_kernel, over(cells(), stream_), x, wide.data(), cells()));
    return wide;
  }
  vector64 empty() const { return vector64(std::size_t(cells())); }
  void laplacian(const vector64& x, vector64& y) const {
    WARPLADDER_TRY(
        launch_kernel(laplacian_kernel, over(cells(), stream_), x.data(), y.data(), rows_, cols_));
  }
  void add(double a, const vector64& x, const vector64& y, vector64& z) const {
    WARPLADDER_TRY(launch_kernel(add_kernel, over(cells(), stream_), a, x.data(), y.data(),
                                 z.data(), cells()));
  }
  double dot(const vector64& x, const vector64& y) const {
    launch_config config = over(cells(), stream_);
    config.grid = dim3(std::min(config.grid.x, unsigned(shares_.size())));
    WARPLADDER_TRY(launch_kernel(dot_kernel, config, x.data(), y.data(), cells(), shares_.data()));
    std::vector<double> shares(config.grid.x);
    copy_async<double>(shares, shares_.view().first(shares.size()), stream_);
    WARPLADDER_TRY(cudaStreamSynchronize(stream_));
    double sum = 0;
    for (const double share : shares) sum += share;
    return sum;
  }

 private:
  std::int64_t cells() const { return rows_ * cols_; }

  std::int64_t rows_, cols_;
  stream_view stream_;
  device_buffer<double> shares_{1024};
};

}  // namespace

std::int64_t count_wrong(const solver::jacobi_problem& p, stream_view stream) {
  const std::int64_t cells = p.rows * p.cols;
  device_buffer<float> now{std::size_t(cells)}, next{std::size_t(cells)};
  device_buffer<unsigned long long> count(1);
  WARPLADDER_TRY(
      cudaMemcpyAsync(now.data(), p.in, now.size_bytes(), cudaMemcpyDeviceToDevice, stream));
  for (int step = 0; step < p.steps; ++step) {
    WARPLADDER_TRY(launch_kernel(heat_kernel, over(cells, stream), now.data(), next.data(), p.rows,
                                 p.cols, p.alpha));
    std::swap(now, next);
  }
  WARPLADDER_TRY(cudaMemsetAsync(count.data(), 0, count.size_bytes(), stream));
  WARPLADDER_TRY(launch_kernel(count_differing_kernel, over(cells, stream), now.data(), p.out,
                               cells, count.data()));
  unsigned long long wrong = 0;
  WARPLADDER_TRY(
      cudaMemcpyAsync(&wrong, count.data(), sizeof wrong, cudaMemcpyDeviceToHost, stream));
  WARPLADDER_TRY(cudaStreamSynchronize(stream));
  return std::int64_t(wrong);
}

solver::cg_evidence examine(const solver::cg_problem& p, stream_view stream) {
  const arithmetic on(p.rows, p.cols, stream);
  const vector64 b = on.widened(p.b);
  vector64 q = on.empty();
  const auto energy = [&](const vector64& x) {
    on.laplacian(x, q);
    return on.dot(x, q) / 2 - on.dot(b, x);
  };
  solver::cg_evidence found{};
  found.b_norm = std::sqrt(on.dot(b, b));
  {
    const vector64 x = on.widened(p.x);
    found.x_norm = std::sqrt(on.dot(x, x));
    found.energy = energy(x);
    on.laplacian(x, q);
    on.add(-1, q, b, q);
    found.residual_norm = std::sqrt(on.dot(q, q));
  }
  vector64 x = on.empty(), r = on.widened(p.b), d = on.widened(p.b);
  WARPLADDER_TRY(cudaMemsetAsync(x.data(), 0, x.size_bytes(), stream));
  double rr = on.dot(r, r);
  for (int i = 0; i < p.iterations; ++i) {
    on.laplacian(d, q);
    const double dq = on.dot(d, q), alpha = dq == 0 ? 0 : rr / dq, before = rr;
    on.add(alpha, d, x, x);
    on.add(-alpha, q, r, r);
    rr = on.dot(r, r);
    on.add(before == 0 ? 0 : rr / before, d, r, d);
  }
  found.best_energy = energy(x);
  return found;
}

}  // namespace warpladder::bench
