// SPDX-License-Identifier: Apache-2.0
//
// 09 heuristics. cublasLtMatmulAlgoGetHeuristic guesses which algorithm is fastest, and returns its
// guesses in order. The first is usually close to the best; for a product that runs a million times
// it is worth trying them all, once per shape, at start-up, and keeping the winner.
//
// Give it workspace: without, algorithms that split k drop out. An algorithm's result may differ in
// the last bits from another's, so that keeping the choice also keeps the bits.

#include <cuda_bf16.h>

#include <algorithm>
#include <warpladder/core/event.hpp>

#include "lt.hpp"

int main() {
  return guide::run(80, [] {
    const int m = 512, n = 4096, k = 4096;  // a prompt of 512 tokens through a layer
    const auto a = guide::integers<__nv_bfloat16>(m * k, 1, 1);
    const auto b = guide::integers<__nv_bfloat16>(n * k, 2, 1);
    const auto device_a = guide::to_device(a), device_b = guide::to_device(b);
    const warpladder::device_buffer<float> device_c(m * n);
    const warpladder::device_buffer<std::byte> workspace(std::size_t{32} << 20);
    const warpladder::stream stream;
    const auto lt = guide::make_lt();

    const auto descriptor = guide::make_descriptor(CUBLAS_COMPUTE_32F, CUDA_R_32F);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    const auto layout_b = guide::row_major(CUDA_R_16BF, n, k, k);
    const auto layout_a = guide::row_major(CUDA_R_16BF, m, k, k);
    const auto layout_c = guide::row_major(CUDA_R_32F, m, n, n);
    const auto found =
        guide::find_algorithms(lt, descriptor, layout_b, layout_a, layout_c, workspace.size(), 32);

    const float one = 1, zero = 0;
    const auto launch = [&](const cublasLtMatmulAlgo_t& algorithm) {
      TRY_CUBLAS(cublasLtMatmul(lt.get(), descriptor.get(), &one, device_b.data(), layout_b.get(),
                                device_a.data(), layout_a.get(), &zero, device_c.data(),
                                layout_c.get(), device_c.data(), layout_c.get(), &algorithm,
                                workspace.data(), workspace.size(), stream));
    };
    const warpladder::event begin(warpladder::event::timing::on),
        end(warpladder::event::timing::on);
    std::vector<float> microseconds(found.size(), 1e30f);
    for (int round = 0; round < 3;
         ++round) {  // in turns, so that a clock that falls hits all alike
      for (std::size_t i = 0; i < found.size(); ++i) {
        launch(found[i].algo);  // warm
        stream.record(begin);
        for (int repeat = 0; repeat < 20; ++repeat) launch(found[i].algo);
        stream.record(end);
        end.synchronize();
        microseconds[i] = std::min(microseconds[i], 1e3f * warpladder::elapsed_ms(begin, end) / 20);
      }
    }
    const auto best = std::size_t(std::min_element(microseconds.begin(), microseconds.end()) -
                                  microseconds.begin());

    WARPLADDER_TRY(cudaMemsetAsync(device_c.data(), 0xff, device_c.size_bytes(), stream));
    launch(found[best].algo);
    const auto c = guide::to_host(device_c, stream);
    const int checked = 2;  // rows: the plain loop is slow
    guide::demand("the best algorithm",
                  guide::plain_loop(
                      checked, n, k, [&](int row, int i) { return a[std::size_t(row * k + i)]; },
                      [&](int i, int col) { return b[std::size_t(col * k + i)]; }),
                  n, c.data(), n);
    std::printf(
        "09 heuristics: %zu algorithms; the first takes %.1f us, the best (number %zu, %.1f MiB of "
        "workspace) %.1f us\n",
        found.size(), double(microseconds[0]), best + 1,
        double(found[best].workspaceSize) / (1 << 20), double(microseconds[best]));
  });
}
