// SPDX-License-Identifier: Apache-2.0
//
// The vendor's grouped product, for comparison: cublasGemmGroupedBatchedEx. It takes pointers to
// the matrices from device memory, but all sizes from the host: who computes the routing on the
// device has to wait for it. Needs cuBLAS 12.5 or later.
#pragma once

#include <cstdint>
#include <map>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/detail/cublas.cuh>
#include <warpladder/gemm_tc/detail/vendor_plan.cuh>
#include <warpladder/gemm_tc/grouped_problem.hpp>

namespace warpladder::gemm_tc {

/// One problem whose offsets the host knows, in cuBLAS's words. Groups of equal sizes become one of
/// its groups, with as many products; empty ones are left out.
template <class In, class Out>
class grouped_cublas {
 public:
  /// Allocates, and copies pointers to the device; throws if that fails.
  grouped_cublas(const grouped_problem<In, Out>& p, const std::vector<std::int32_t>& row_offsets)
      : p_(p) {
    std::map<int, std::vector<std::int64_t>> groups_of_size;
    for (std::int64_t g = 0; g < p.groups; ++g) {
      const auto i = std::size_t(g);
      if (row_offsets[i + 1] > row_offsets[i])
        groups_of_size[row_offsets[i + 1] - row_offsets[i]].push_back(g);
    }
    std::vector<const void*> a, b;
    std::vector<void*> c;
    for (const auto& [size, groups] : groups_of_size) {
      rows_.push_back(size);
      products_.push_back(int(groups.size()));
      for (const std::int64_t g : groups) {
        const std::int64_t row = row_offsets[std::size_t(g)];
        a.push_back(p.a + row * p.lda);
        b.push_back(p.b + g * p.stride_b);
        c.push_back(p.c + row * p.ldc);
      }
    }
    on_a_ = uploaded(a), on_b_ = uploaded(b), on_c_ = uploaded(c);
    const auto all = [&](auto value) { return std::vector(rows_.size(), value); };
    trans_b_ = all(detail::operation(p.trans_b)), trans_a_ = all(CUBLAS_OP_N);
    n_ = all(int(p.n)), k_ = all(int(p.k));
    lda_ = all(int(p.lda)), ldb_ = all(int(p.ldb)), ldc_ = all(int(p.ldc));
    alpha_ = all(p.alpha), beta_ = all(typename decltype(p_)::scalar(0));
  }

  cudaError_t launch(cudaStream_t stream) const {
    if (rows_.empty()) return cudaSuccess;
    const cublasHandle_t handle = warpladder::detail::cublas_handle();
    cublasStatus_t status = cublasSetStream(handle, stream);
    if (status == CUBLAS_STATUS_SUCCESS) {
      // Column-major: the operands change places (detail/vendor_plan.cuh).
      constexpr cudaDataType in = detail::cuda_type<In>(), out = detail::cuda_type<Out>();
      status = cublasGemmGroupedBatchedEx(handle, trans_b_.data(), trans_a_.data(), n_.data(),
                                          rows_.data(), k_.data(), alpha_.data(), on_b_.data(), in,
                                          ldb_.data(), on_a_.data(), in, lda_.data(), beta_.data(),
                                          on_c_.data(), out, ldc_.data(), int(rows_.size()),
                                          products_.data(), detail::compute_type<In>);
    }
    return warpladder::detail::to_cuda_error(status);
  }

 private:
  template <class T>
  static device_buffer<T> uploaded(const std::vector<T>& values) {
    device_buffer<T> memory(values.size());
    WARPLADDER_TRY(
        cudaMemcpy(memory.data(), values.data(), memory.size_bytes(), cudaMemcpyHostToDevice));
    WARPLADDER_TRY(cudaStreamSynchronize(cudaStream_t{}));
    return memory;
  }

  grouped_problem<In, Out> p_;
  std::vector<int> rows_, n_, k_, lda_, ldb_, ldc_, products_;
  std::vector<cublasOperation_t> trans_a_, trans_b_;
  std::vector<typename grouped_problem<In, Out>::scalar> alpha_, beta_;
  device_buffer<const void*> on_a_, on_b_;
  device_buffer<void*> on_c_;
};

}  // namespace warpladder::gemm_tc
