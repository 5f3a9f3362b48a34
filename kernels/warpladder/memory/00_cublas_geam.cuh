// SPDX-License-Identifier: Apache-2.0
//
// 00 cublas_geam. The vendor's transposition: C = alpha op(A) + beta op(B) with alpha = 1, op(A) =
// A^T and beta = 0, where B is not read.
//
// cuBLAS is column-major: it sees our row-major `in` as its transpose, cols x rows, and our `out`
// as rows x cols. Transposing that is the same permutation of memory.
#pragma once

#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/detail/cublas.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct cublas_geam {
  static constexpr rung_info info{.step = 0,
                                  .name = "cublas_geam",
                                  .idea = "the vendor's library: 1 * A^T + 0 * B",
                                  .runs_on_host = false};

  template <class T>
  static support supports(const transpose_problem<T>&) {
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const transpose_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const transpose_problem<T>& p, cudaStream_t stream, workspace_view) {
    using warpladder::detail::cublas_handle, warpladder::detail::to_cuda_error;
    static_assert(std::is_same_v<T, float>);
    if (p.is_empty()) return cudaSuccess;
    cublasHandle_t handle = cublas_handle();
    if (handle == nullptr) return cudaErrorInitializationError;
    if (const auto status = cublasSetStream(handle, stream); status != CUBLAS_STATUS_SUCCESS)
      return to_cuda_error(status);
    const float one = 1, zero = 0;
    return to_cuda_error(cublasSgeam_64(handle, CUBLAS_OP_T, CUBLAS_OP_N, p.rows, p.cols, &one,
                                        p.in, p.ld_in, &zero, p.out, p.ld_out, p.out, p.ld_out));
  }
};

}  // namespace warpladder::memory
