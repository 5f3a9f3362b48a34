// SPDX-License-Identifier: Apache-2.0
//
// C = A B in somebody else's program: row-major float32 matrices, one call.

#include <cstdio>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm.cuh>

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU: nothing to run on");
    return 77;
  }
  const int m = 300, n = 200, k = 100;
  const std::vector<float> a(m * k, 0.5f), b(k * n, 2.0f);
  std::vector<float> c(m * n);

  const warpladder::stream stream;
  const warpladder::device_buffer<float> device_a(a.size()), device_b(b.size()), device_c(c.size());
  warpladder::copy_async<float>(device_a.view(), a, stream);
  warpladder::copy_async<float>(device_b.view(), b, stream);

  // [the call]
  warpladder::gemm::problem<float> product{.m = m, .n = n, .k = k};
  product.a = device_a.data(), product.lda = k;
  product.b = device_b.data(), product.ldb = n;
  product.c = device_c.data(), product.ldc = n;
  if (warpladder::gemm::run(product, stream) != cudaSuccess) {
    std::printf("refused: %s\n", std::string(explain_invalid(product)).c_str());
    return 1;
  }
  // [/the call]

  warpladder::copy_async<float>(c, device_c.view(), stream);
  stream.synchronize();

  const bool right = c == std::vector<float>(m * n, 0.5f * 2.0f * k);  // exact: no sum rounds
  std::printf("C is %s, computed by %s\n", right ? "right" : "WRONG",
              warpladder::gemm::describe_choice(product).c_str());
  return right ? 0 : 1;
}
