// SPDX-License-Identifier: Apache-2.0
//
// 01 row-major. cuBLAS reads every matrix by columns; C, C++ and NumPy store them by rows. Nothing
// has to be copied or transposed.
//
//   in memory     0 1 2 3 4 5
//
//   by rows, 2 x 3, ld 3         by columns, 3 x 2, ld 3
//        0 1 2                        0 3
//        3 4 5                        1 4
//                                     2 5
//
// The same bytes, read the other way, are the transposed matrix. So cuBLAS, given our A, B and C,
// sees A^T, B^T and C^T. What it should leave in C is C^T by columns, and
//
//        C = A B    <=>    C^T = B^T A^T
//
// which is the product of what it sees in B by what it sees in A, not transposed. Hence the rule:
//
//        swap A and B (with their ld), swap m and n, touch nothing else.
//
// A leading dimension is the distance, in elements, from one row of ours to the next.

#include "guide.hpp"

int main() {
  return guide::run(0, [] {
    const int m = 64, n = 48, k = 40;  // all different: mistakes show
    const auto a = guide::integers<float>(m * k, 1), b = guide::integers<float>(k * n, 2);
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<float> device_c(m * n);

    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    const float one = 1, zero = 0;
    // [the call]
    // Row-major C (m x n) = A (m x k) * B (k x n).
    TRY_CUBLAS(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N,  //
                           n, m, k,                           // n first
                           &one,                              //
                           device_b.data(), n,                // B first; its rows are n long
                           device_a.data(), k,                // A; its rows are k long
                           &zero,                             //
                           device_c.data(), n));              // C; its rows are n long
    // [/the call]

    const auto c = guide::to_host(device_c, stream);
    guide::demand("C = A B",
                  guide::plain_loop(
                      m, n, k, [&](int row, int i) { return a[std::size_t(row * k + i)]; },
                      [&](int i, int col) { return b[std::size_t(i * n + col)]; }),
                  n, c.data(), n);
    std::puts("01 row-major: C = A B by swapping the operands, equal to the plain loop");
  });
}
