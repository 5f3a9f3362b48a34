// SPDX-License-Identifier: Apache-2.0
//
// 11 streams and graphs. Habits that save time and riddles:
//
//   handle        one per host thread and device, for the life of the thread: creating one costs
//                 milliseconds, allocates and synchronises
//   stream        cublasSetStream, else the legacy default stream, which everything waits for. It
//                 also puts the library's own workspace back: set yours after the stream
//   workspace     cublasSetWorkspace with memory of your own, one per stream: no hidden allocation,
//                 the same algorithm every time, and equal bits also with several streams
//   alpha, beta   host pointers are read during the call; with CUBLAS_POINTER_MODE_DEVICE they are
//                 device addresses, read when the kernel runs
//   graph         handle, workspace and one warm call before the capture; then replay: the host's
//                 share of a call, most of a small product's time, is paid once
//
// Here: a product of three matrices, captured once and replayed on changing inputs.

#include "guide.hpp"

int main() {
  return guide::run(0, [] {
    const int n = 64;
    const auto b = guide::integers<float>(n * n, 2, 1), c = guide::integers<float>(n * n, 3, 1);
    const auto device_b = guide::to_device(b), device_c = guide::to_device(c);
    const warpladder::device_buffer<float> device_a(n * n), between(n * n), result(n * n);
    const warpladder::device_buffer<std::byte> workspace(std::size_t{32} << 20);  // of this stream

    const guide::cublas_handle handle;
    const warpladder::stream stream;
    TRY_CUBLAS(cublasSetStream(handle, stream));
    TRY_CUBLAS(cublasSetWorkspace(handle, workspace.data(), workspace.size()));  // after the stream
    const auto product = [&](const float* left, const float* right, float* to) {
      const float one = 1, zero = 0;  // may die when the call returns: host pointer mode
      TRY_CUBLAS(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, right, n, left, n,
                             &zero, to, n));
    };
    WARPLADDER_TRY(cudaMemsetAsync(device_a.data(), 0, device_a.size_bytes(), stream));
    product(device_a.data(), device_b.data(), between.data());  // warm: loads the kernels
    stream.synchronize();

    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    WARPLADDER_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    product(device_a.data(), device_b.data(), between.data());
    product(between.data(), device_c.data(), result.data());
    WARPLADDER_TRY(cudaStreamEndCapture(stream, &graph));
    WARPLADDER_TRY(cudaGraphInstantiate(&executable, graph, 0));

    for (unsigned seed = 10; seed < 13; ++seed) {  // other numbers, the same addresses
      const auto a = guide::integers<float>(n * n, seed, 1);
      warpladder::copy_async<float>(device_a.view(), a, stream);
      WARPLADDER_TRY(cudaGraphLaunch(executable, stream));
      const auto got = guide::to_host(result, stream);
      const auto ab = guide::plain_loop(
          n, n, n, [&](int row, int i) { return a[std::size_t(row * n + i)]; },
          [&](int i, int col) { return b[std::size_t(i * n + col)]; });
      const auto abc = guide::plain_loop(
          n, n, n, [&](int row, int i) { return ab[std::size_t(row * n + i)]; },
          [&](int i, int col) { return c[std::size_t(i * n + col)]; });
      guide::demand("A B C", abc, n, got.data(), n);
    }
    WARPLADDER_TRY(cudaGraphExecDestroy(executable));
    WARPLADDER_TRY(cudaGraphDestroy(graph));
    std::puts("11 streams and graphs: A B C captured once, replayed on three inputs, all equal");
  });
}
