// SPDX-License-Identifier: Apache-2.0
//
// 04 pointer array. Products of one shape whose matrices lie anywhere: three arrays of pointers
// instead of strides. The arrays themselves must be in device memory, which is the usual mistake:
// pointers to host memory that hold device addresses give an illegal address, and not at the call.
//
// Use strides where they exist (03): the arrays cost a load per block, and a copy whenever they
// change. Products of different shapes: cublasSgemmGroupedBatched (CUDA 12.4 and later).

#include "guide.hpp"

int main() {
  return guide::run(0, [] {
    const int batch = 8, m = 24, n = 16, k = 40;
    const auto a = guide::integers<float>(batch * m * k, 1);
    const auto b = guide::integers<float>(batch * k * n, 2);
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<float> device_c(batch * m * n);

    // Product i takes A backwards and every B forwards: no stride says that.
    std::vector<const float*> firsts, seconds;
    std::vector<float*> results;
    for (int i = 0; i < batch; ++i) {
      firsts.push_back(device_b.data() + i * k * n);                 // first operand: B
      seconds.push_back(device_a.data() + (batch - 1 - i) * m * k);  // second operand: A
      results.push_back(device_c.data() + i * m * n);
    }
    const auto device_firsts = guide::to_device(firsts), device_seconds = guide::to_device(seconds);
    const auto device_results = guide::to_device(results);

    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    const float one = 1, zero = 0;
    TRY_CUBLAS(cublasSgemmBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one,
                                  device_firsts.data(), n, device_seconds.data(), k, &zero,
                                  device_results.data(), n, batch));

    const auto c = guide::to_host(device_c, stream);
    for (int i = 0; i < batch; ++i) {
      const auto of_a = [&](int row, int j) {
        return a[std::size_t((batch - 1 - i) * m * k + row * k + j)];
      };
      const auto of_b = [&](int j, int col) { return b[std::size_t(i * k * n + j * n + col)]; };
      guide::demand("a product of the array", guide::plain_loop(m, n, k, of_a, of_b), n,
                    c.data() + i * m * n, n);
    }
    std::printf("04 pointer array: %d products at any addresses in one call, all equal\n", batch);
  });
}
