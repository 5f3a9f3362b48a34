// SPDX-License-Identifier: Apache-2.0
//
// A stranger's program: C = A B through the front door, checked by hand. Exits with 0 if C is
// right, with 77 if there is no GPU to run on.

#include <cstdio>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/gemm.cuh>

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU");
    return 77;
  }
  constexpr int m = 50, n = 70, k = 30;
  std::vector<float> a(m * k), b(k * n), c(m * n);
  for (int i = 0; i < m * k; ++i) a[i] = float(i % 7 - 3);
  for (int i = 0; i < k * n; ++i) b[i] = float(i % 5 - 2);

  const warpladder::stream stream;
  warpladder::device_buffer<float> da(a.size()), db(b.size()), dc(c.size());
  warpladder::copy_async(da.view(), {a}, stream);
  warpladder::copy_async(db.view(), {b}, stream);
  const warpladder::gemm::problem<float> problem{.m = m,
                                                 .n = n,
                                                 .k = k,
                                                 .a = da.data(),
                                                 .lda = k,
                                                 .b = db.data(),
                                                 .ldb = n,
                                                 .c = dc.data(),
                                                 .ldc = n};
  WARPLADDER_TRY(warpladder::gemm::run(problem, stream));
  warpladder::copy_async(std::span(c), {dc.view()}, stream);
  stream.synchronize();

  for (int row = 0; row < m; ++row) {
    for (int col = 0; col < n; ++col) {
      float expected = 0;
      for (int i = 0; i < k; ++i) expected += a[row * k + i] * b[i * n + col];
      if (c[row * n + col] != expected) {
        std::printf("C(%d, %d) is %g, expected %g\n", row, col, c[row * n + col], expected);
        return 1;
      }
    }
  }
  std::printf("right, by %s\n", warpladder::gemm::describe_choice(problem).c_str());
}
