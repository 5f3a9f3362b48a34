// SPDX-License-Identifier: Apache-2.0
//
// What the examples share, so that each shows its own idea and nothing else: random inputs, the
// plain loop that is always right, and the comparison with it.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>

/// Every call of cuBLAS returns a status, and nothing else tells that it did not run.
#define TRY_CUBLAS(call) guide::throw_unless_success((call), #call)

namespace guide {

inline void throw_unless_success(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string(call) + ": " + cublasGetStatusName(status) + ", " +
                             cublasGetStatusString(status));
}

/// Owns a handle. Creating one allocates device memory and synchronises: once per thread, not once
/// per product (11_streams_and_graphs.cpp).
class cublas_handle {
 public:
  cublas_handle() { TRY_CUBLAS(cublasCreate(&handle_)); }
  cublas_handle(const cublas_handle&) = delete;
  cublas_handle& operator=(const cublas_handle&) = delete;
  ~cublas_handle() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

 private:
  cublasHandle_t handle_ = nullptr;
};

/// Random integers in [-largest, largest]. Sums of products of small integers do not round, so
/// results can be demanded to the bit, and one wrong index shows.
template <class T>
std::vector<T> integers(int count, unsigned seed, int largest = 4) {
  std::mt19937 random(seed);
  std::vector<T> made(static_cast<std::size_t>(count));
  for (T& one : made) one = T(float(int(random() % unsigned(2 * largest + 1)) - largest));
  return made;
}

template <class T>
warpladder::device_buffer<T> to_device(const std::vector<T>& from) {
  warpladder::device_buffer<T> to(from.size());
  WARPLADDER_TRY(cudaMemcpy(to.data(), from.data(), to.size_bytes(), cudaMemcpyHostToDevice));
  WARPLADDER_TRY(cudaDeviceSynchronize());  // cudaMemcpy may return before the last bytes arrive
  return to;
}

/// Waits for the stream, then copies.
template <class T>
std::vector<T> to_host(const warpladder::device_buffer<T>& from, cudaStream_t stream) {
  std::vector<T> to(from.size());
  WARPLADDER_TRY(
      cudaMemcpyAsync(to.data(), from.data(), from.size_bytes(), cudaMemcpyDeviceToHost, stream));
  WARPLADDER_TRY(cudaStreamSynchronize(stream));
  return to;
}

/// The plain loop: C(row, col) = sum over i of a(row, i) * b(i, col), row-major and in float64.
template <class A, class B>
std::vector<double> plain_loop(int m, int n, int k, A a, B b) {
  std::vector<double> c;
  c.reserve(std::size_t(m) * std::size_t(n));
  for (int row = 0; row < m; ++row) {
    for (int col = 0; col < n; ++col) {
      double sum = 0;
      for (int i = 0; i < k; ++i) sum += double(float(a(row, i))) * double(float(b(i, col)));
      c.push_back(sum);
    }
  }
  return c;
}

/// Throws unless every element of C, rows `ld` apart, is what the loop says: exactly, or within
/// `tolerance` times the larger of 1 and the element.
template <class T>
void demand(const char* who, const std::vector<double>& want, int n, const T* c, int ld,
            double tolerance = 0) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    const std::size_t row = i / std::size_t(n), col = i % std::size_t(n);
    const double got = double(float(c[row * std::size_t(ld) + col]));
    if (!(std::fabs(got - want[i]) <= tolerance * std::fmax(1, std::fabs(want[i]))))
      throw std::runtime_error(std::string(who) + ": C(" + std::to_string(row) + ", " +
                               std::to_string(col) + ") is " + std::to_string(got) + ", not " +
                               std::to_string(want[i]));
  }
}

/// main() of an example. 0: proved right; 77: skipped, which ctest counts apart; 1: anything else.
template <class Example>
int run(int min_compute_capability, Example example) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("skipped: no GPU to run on");
    return 77;
  }
  try {
    int major = 0, minor = 0;
    WARPLADDER_TRY(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    WARPLADDER_TRY(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
    if (10 * major + minor < min_compute_capability) {
      std::printf("skipped: needs compute capability %d.%d, this GPU has %d.%d\n",
                  min_compute_capability / 10, min_compute_capability % 10, major, minor);
      return 77;
    }
    example();
    return 0;
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
}

}  // namespace guide
