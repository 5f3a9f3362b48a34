// SPDX-License-Identifier: Apache-2.0
//
// 03 strided batched. Many small products of one shape, at constant distances in memory: one call,
// one kernel, instead of a launch per product. Attention is the usual case: per head, scores =
// Q K^T, all heads in one tensor.
//
// A stride is the distance from one matrix to the next, in elements. A stride of 0 uses one matrix
// for all: here every product has the same A.

#include "guide.hpp"

int main() {
  return guide::run(0, [] {
    const int batch = 100, m = 16, n = 24, k = 32;
    const auto a = guide::integers<float>(m * k, 1);
    const auto b = guide::integers<float>(batch * n * k, 2);  // each n x k: op(B) = B^T
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<float> device_c(batch * m * n);

    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    const float one = 1, zero = 0;
    TRY_CUBLAS(cublasSgemmStridedBatched(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one,  //
                                         device_b.data(), k, n * k,  // B first: rows of k
                                         device_a.data(), k, 0,      // one A for all
                                         &zero, device_c.data(), n, m * n, batch));

    const auto c = guide::to_host(device_c, stream);
    for (int i = 0; i < batch; ++i) {
      const auto of_a = [&](int row, int j) { return a[std::size_t(row * k + j)]; };
      const auto of_b = [&](int j, int col) { return b[std::size_t(i * n * k + col * k + j)]; };
      guide::demand("a product of the batch", guide::plain_loop(m, n, k, of_a, of_b), n,
                    c.data() + i * m * n, n);
    }
    std::printf("03 strided batched: %d products A B^T in one call, all equal\n", batch);
  });
}
