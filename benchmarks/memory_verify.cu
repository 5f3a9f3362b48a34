// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory_verify.hpp>
#include <warpladder/core/launch.cuh>

namespace warpladder::bench {
namespace {

using memory::field;

/// What element number i is and should be.
struct pair {
  float got, expected;
};

struct transposed {
  memory::transpose_problem<float> p;
  __device__ pair operator()(std::int64_t i) const {
    const std::int64_t row = i / p.rows, col = i % p.rows;  // of out
    return {p.out[row * p.ld_out + col], p.in[col * p.ld_in + row]};
  }
};

struct copied {
  memory::copy_problem<float> p;
  __device__ pair operator()(std::int64_t i) const {
    const std::int64_t row = i / p.cols, col = i % p.cols;
    return {p.out[row * p.ld_out + col], p.in[row * p.ld_in + col]};
  }
};

struct looked_up {
  memory::lookup_problem<float> p;
  __device__ pair operator()(std::int64_t i) const { return {p.out[i], p.table[p.index[i]]}; }
};

struct stepped {
  memory::layout_problem p;
  const float* before;
  __device__ pair operator()(std::int64_t i) const {
    const int which = static_cast<int>(i % field::count);
    const auto at = [&](int f) { return memory::element(p.stored_as, p.n, i / field::count, f); };
    float expected = before[at(which)];
    if (which <= field::z) expected = fmaf(before[at(which + field::vx)], p.dt, expected);
    return {p.state[at(which)], expected};
  }
};

template <class Pairs>
__global__ void compare_kernel(Pairs pairs, std::int64_t count, mismatches* found) {
  const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto [got, expected] = pairs(i);
    if (__float_as_uint(got) == __float_as_uint(expected)) continue;
    atomicAdd(&found->count, 1ull);
    atomicMin(&found->first, static_cast<unsigned long long>(i));
  }
}

template <class Pairs>
cudaError_t compare_all(const Pairs& pairs, std::int64_t count, mismatches* found,
                        cudaStream_t stream) {
  static constexpr mismatches none;
  const cudaError_t status =
      cudaMemcpyAsync(found, &none, sizeof none, cudaMemcpyHostToDevice, stream);
  if (status != cudaSuccess) return status;
  return warpladder::launch_kernel(
      compare_kernel<Pairs>, {.grid = 2048, .block = 256, .stream = stream}, pairs, count, found);
}

}  // namespace

cudaError_t compare(const memory::transpose_problem<float>& p, mismatches* found,
                    cudaStream_t stream) {
  return compare_all(transposed{p}, p.rows * p.cols, found, stream);
}

cudaError_t compare(const memory::copy_problem<float>& p, mismatches* found, cudaStream_t stream) {
  return compare_all(copied{p}, p.rows * p.cols, found, stream);
}

cudaError_t compare(const memory::lookup_problem<float>& p, mismatches* found,
                    cudaStream_t stream) {
  return compare_all(looked_up{p}, p.n, found, stream);
}

cudaError_t compare(const memory::layout_problem& p, const float* before, mismatches* found,
                    cudaStream_t stream) {
  return compare_all(stepped{p, before}, p.n * field::count, found, stream);
}

}  // namespace warpladder::bench
