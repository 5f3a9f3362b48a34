// SPDX-License-Identifier: Apache-2.0
//
// 02 transposes. All four of op(A) op(B), row-major, and as parts of larger matrices. The rule of
// 01 stands: swap the operands; each takes its own transpose along.
//
//   wanted        stored (row-major)           first in the call    second in the call
//   A   B         A m x k,  B k x n            N, B, ldb >= n       N, A, lda >= k
//   A   B^T       A m x k,  B n x k            T, B, ldb >= k       N, A, lda >= k
//   A^T B         A k x m,  B k x n            N, B, ldb >= n       T, A, lda >= m
//   A^T B^T       A k x m,  B n x k            T, B, ldb >= k       T, A, lda >= m
//
// The second row is a linear layer (weights stored outputs x inputs): it needs no transposed copy,
// and it is the layout that int8 and fp8 want anyway (07, 08).

#include "guide.hpp"

int main() {
  return guide::run(0, [] {
    const int m = 33, n = 20, k = 27, padding = 5;  // a leading dimension may exceed the row
    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    const float one = 1, zero = 0;

    for (const bool trans_a : {false, true}) {
      for (const bool trans_b : {false, true}) {
        const int lda = (trans_a ? m : k) + padding, ldb = (trans_b ? k : n) + padding;
        const int ldc = n + padding;
        const auto a = guide::integers<float>((trans_a ? k : m) * lda, 1);
        const auto b = guide::integers<float>((trans_b ? n : k) * ldb, 2);
        const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
        const warpladder::device_buffer<float> device_c(m * ldc);
        WARPLADDER_TRY(cudaMemset(device_c.data(), 0xff, device_c.size_bytes()));  // NaN
        WARPLADDER_TRY(cudaDeviceSynchronize());

        TRY_CUBLAS(cublasSgemm(handle,                               //
                               trans_b ? CUBLAS_OP_T : CUBLAS_OP_N,  // of the first operand: B
                               trans_a ? CUBLAS_OP_T : CUBLAS_OP_N,  // of the second: A
                               n, m, k, &one, device_b.data(), ldb, device_a.data(), lda, &zero,
                               device_c.data(), ldc));

        const auto c = guide::to_host(device_c, stream);
        const auto op_a = [&](int row, int i) {
          return a[std::size_t(trans_a ? i * lda + row : row * lda + i)];
        };
        const auto op_b = [&](int i, int col) {
          return b[std::size_t(trans_b ? col * ldb + i : i * ldb + col)];
        };
        guide::demand(trans_a ? (trans_b ? "A^T B^T" : "A^T B") : (trans_b ? "A B^T" : "A B"),
                      guide::plain_loop(m, n, k, op_a, op_b), n, c.data(), ldc);
        for (int row = 0; row < m; ++row) {
          if (!std::isnan(c[std::size_t(row * ldc + n)]))
            throw std::runtime_error("what lies between the rows of C was written");
        }
      }
    }
    std::puts("02 transposes: A B, A B^T, A^T B, A^T B^T inside larger matrices, all equal");
  });
}
