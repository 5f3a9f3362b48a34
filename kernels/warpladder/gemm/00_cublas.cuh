// SPDX-License-Identifier: Apache-2.0
//
// 00 cublas. The vendor's library, on the ladder like any other rung so that every comparison runs
// it in the same process on the same buffers. The only rung of this topic that needs cuBLAS.
//
// cuBLAS is column-major. A row-major matrix read column-major is its transpose, and
// (op(A) op(B))^T = op(B)^T op(A)^T, so the row-major product is the column-major one with the
// operands swapped and their transposes kept: no copy, no extra work.
//
// Math mode: CUBLAS_PEDANTIC_MATH is not set and TF32 is not allowed (CUBLAS_DEFAULT_MATH with
// float inputs computes in float32): the same arithmetic as the rungs above.
#pragma once

#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/detail/cublas.cuh>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm {

struct cublas {
  static constexpr rung_info info{.step = 0,
                                  .name = "cublas",
                                  .idea = "the vendor's library, float32 arithmetic, no TF32",
                                  .runs_on_host = false};

  template <class T>
  static support supports(const problem<T>&) {
    return {};
  }

  template <class T>
  static std::size_t workspace_bytes(const problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const problem<T>& p, cudaStream_t stream, workspace_view) {
    using warpladder::detail::cublas_handle, warpladder::detail::to_cuda_error;
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
    if (p.is_empty()) return cudaSuccess;
    cublasHandle_t handle = cublas_handle();
    if (handle == nullptr) return cudaErrorInitializationError;
    if (const auto status = cublasSetStream(handle, stream); status != CUBLAS_STATUS_SUCCESS)
      return to_cuda_error(status);

    const auto op = [](transpose t) { return t == transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
    const auto op_b = op(p.trans_b), op_a = op(p.trans_a);
    if (p.batch == 1) {
      if constexpr (std::is_same_v<T, float>) {
        return to_cuda_error(cublasSgemm_64(handle, op_b, op_a, p.n, p.m, p.k, &p.alpha, p.b, p.ldb,
                                            p.a, p.lda, &p.beta, p.c, p.ldc));
      } else {
        return to_cuda_error(cublasDgemm_64(handle, op_b, op_a, p.n, p.m, p.k, &p.alpha, p.b, p.ldb,
                                            p.a, p.lda, &p.beta, p.c, p.ldc));
      }
    }
    if constexpr (std::is_same_v<T, float>) {
      return to_cuda_error(cublasSgemmStridedBatched_64(
          handle, op_b, op_a, p.n, p.m, p.k, &p.alpha, p.b, p.ldb, p.stride_b, p.a, p.lda,
          p.stride_a, &p.beta, p.c, p.ldc, p.stride_c, p.batch));
    } else {
      return to_cuda_error(cublasDgemmStridedBatched_64(
          handle, op_b, op_a, p.n, p.m, p.k, &p.alpha, p.b, p.ldb, p.stride_b, p.a, p.lda,
          p.stride_a, &p.beta, p.c, p.ldc, p.stride_c, p.batch));
    }
  }
};

}  // namespace warpladder::gemm
