// SPDX-License-Identifier: Apache-2.0
//
// 07 int8. C = A B^T of int8, added up in int32: exact, whatever the order (until 2^31 is reached:
// from k = 2^31 / 127^2 = 133 000 on). Tensor cores want both operands contiguous along k, which
// cuBLAS calls "TN": first operand transposed, second not. For row-major matrices that is
//
//   A stored m x k,   B stored n x k     the layout of a linear layer's weights
//
//   demands (cuBLAS's documentation): leading dimensions multiples of 4, n and k multiples of 4,
//   addresses multiples of 4 bytes; 16 everywhere is what is fast
//
// Weights stored k x n are transposed once, when they are loaded. alpha and beta are int32 here: a
// scale per tensor or channel, and the way back to int8 or half, is a kernel or epilogue of one's
// own, or cublasLt with float alpha and int8 output.

#include <algorithm>

#include "lt.hpp"

int main() {
  return guide::run(75, [] {
    const int m = 64, n = 48, k = 256;
    const auto a = guide::integers<std::int8_t>(m * k, 1, 127);
    const auto b = guide::integers<std::int8_t>(n * k, 2, 127);  // n x k
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<std::int32_t> device_c(m * n);
    const warpladder::device_buffer<std::byte> workspace(std::size_t{32} << 20);
    const warpladder::stream stream;
    const auto lt = guide::make_lt();

    const auto descriptor = guide::make_descriptor(CUBLAS_COMPUTE_32I, CUDA_R_32I);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);  // of the first: B
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);  // of the second: A
    const auto layout_b = guide::row_major(CUDA_R_8I, n, k, k);
    const auto layout_a = guide::row_major(CUDA_R_8I, m, k, k);
    const auto layout_c = guide::row_major(CUDA_R_32I, m, n, n);
    const auto found =
        guide::find_algorithms(lt, descriptor, layout_b, layout_a, layout_c, workspace.size());

    const std::int32_t one = 1, zero = 0;
    TRY_CUBLAS(cublasLtMatmul(lt.get(), descriptor.get(), &one, device_b.data(), layout_b.get(),
                              device_a.data(), layout_a.get(), &zero, device_c.data(),
                              layout_c.get(), device_c.data(), layout_c.get(), &found[0].algo,
                              workspace.data(), workspace.size(), stream));

    // Sums of 256 products of 127^2 at most: below 2^24, so that a float holds them too.
    const auto want = guide::plain_loop(
        m, n, k, [&](int row, int i) { return a[std::size_t(row * k + i)]; },
        [&](int i, int col) { return b[std::size_t(col * k + i)]; });
    guide::demand("int8", want, n, guide::to_host(device_c, stream).data(), n);
    std::puts("07 int8: A B^T added up in int32, equal to the last bit");
  });
}
