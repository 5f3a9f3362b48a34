// SPDX-License-Identifier: Apache-2.0
//
// 05 types. cublasGemmEx takes three decisions that the S in cublasSgemm hides: the type of each
// matrix, the type that sums are kept in, and what tensor cores may do with float inputs.
//
//   inputs   compute type                   what happens
//   bf16     CUBLAS_COMPUTE_32F             tensor cores, exact products, float sums
//   half     CUBLAS_COMPUTE_32F             likewise
//   half     CUBLAS_COMPUTE_16F             the sums are kept in half, and overflow at 65504
//   float    CUBLAS_COMPUTE_32F             no tensor cores: float32 multiply-adds
//   float    CUBLAS_COMPUTE_32F_FAST_TF32   tensor cores; inputs keep 11 of 24 bits
//
// alpha and beta have the type of the sums, not that of the matrices.

#include <cuda_bf16.h>

#include "guide.hpp"

int main() {
  return guide::run(80, [] {
    const int m = 128, n = 96, k = 64;
    const auto a = guide::integers<__nv_bfloat16>(m * k, 1);
    const auto b = guide::integers<__nv_bfloat16>(k * n, 2);
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<float> sums(m * n);
    const warpladder::device_buffer<__nv_bfloat16> rounded(m * n);

    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    const float one = 1, zero = 0;  // the type of the sums
    const auto product = [&](void* c, cudaDataType_t type_of_c) {
      TRY_CUBLAS(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one,  //
                              device_b.data(), CUDA_R_16BF, n,                  //
                              device_a.data(), CUDA_R_16BF, k, &zero,           //
                              c, type_of_c, n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    };
    product(sums.data(), CUDA_R_32F);
    product(rounded.data(), CUDA_R_16BF);

    auto want = guide::plain_loop(
        m, n, k, [&](int row, int i) { return a[std::size_t(row * k + i)]; },
        [&](int i, int col) { return b[std::size_t(i * n + col)]; });
    guide::demand("bf16 -> float", want, n, guide::to_host(sums, stream).data(), n);
    // The sum is exact here, so the output is that sum, rounded once.
    for (double& one_of : want) one_of = double(float(__nv_bfloat16(float(one_of))));
    guide::demand("bf16 -> bf16", want, n, guide::to_host(rounded, stream).data(), n);
    std::puts("05 types: bf16 -> float and bf16 -> bf16 with float sums, both exact");
  });
}
