// SPDX-License-Identifier: Apache-2.0
//
// 06 epilogue. Y = activation(X W^T + bias), a linear layer, in one kernel: bias and activation are
// applied to the sums while they are still in registers. As kernels of their own they would read
// and write all of Y once more each.
//
// cuBLAS adds bias[i] to row i of what it computes, and that is Y^T: so to column i of ours, one
// bias per output, as a layer wants it. (With layouts declared row-major, CUBLASLT_ORDER_ROW, it
// would be one per row of ours: another reason for the swap of 01.) RELU_BIAS cuts off below 0,
// GELU_BIAS is the tanh approximation of GELU.

#include <cuda_bf16.h>

#include "lt.hpp"

namespace {

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

}  // namespace

int main() {
  return guide::run(80, [] {
    const int tokens = 64, outputs = 96, inputs = 128;
    const auto x = guide::integers<__nv_bfloat16>(tokens * inputs, 1, 1);
    const auto w = guide::integers<__nv_bfloat16>(outputs * inputs, 2, 1);
    const auto bias = guide::integers<__nv_bfloat16>(outputs, 3);
    const auto device_x = guide::to_device(x), device_w = guide::to_device(w);
    const auto device_bias = guide::to_device(bias);
    const warpladder::device_buffer<__nv_bfloat16> device_y(tokens * outputs);
    const warpladder::device_buffer<std::byte> workspace(std::size_t{32} << 20);
    const warpladder::stream stream;
    const auto lt = guide::make_lt();

    for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_GELU_BIAS}) {
      const auto descriptor = guide::make_descriptor(CUBLAS_COMPUTE_32F, CUDA_R_32F);
      guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);  // of the first: W
      guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);  // of the second: X
      guide::set(descriptor, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
      guide::set(descriptor, CUBLASLT_MATMUL_DESC_BIAS_POINTER, (const void*)device_bias.data());
      guide::set(descriptor, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
      const auto layout_w = guide::row_major(CUDA_R_16BF, outputs, inputs, inputs);
      const auto layout_x = guide::row_major(CUDA_R_16BF, tokens, inputs, inputs);
      const auto layout_y = guide::row_major(CUDA_R_16BF, tokens, outputs, outputs);
      const auto found =
          guide::find_algorithms(lt, descriptor, layout_w, layout_x, layout_y, workspace.size());

      const float one = 1, zero = 0;
      TRY_CUBLAS(cublasLtMatmul(lt.get(), descriptor.get(), &one,        //
                                device_w.data(), layout_w.get(),         // first operand
                                device_x.data(), layout_x.get(),         // second
                                &zero, device_y.data(), layout_y.get(),  // C, not read
                                device_y.data(), layout_y.get(),         // D
                                &found[0].algo, workspace.data(), workspace.size(), stream));

      auto want = guide::plain_loop(
          tokens, outputs, inputs, [&](int row, int i) { return x[std::size_t(row * inputs + i)]; },
          [&](int i, int col) { return w[std::size_t(col * inputs + i)]; });
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double sum = want[i] + double(float(bias[i % std::size_t(outputs)]));
        want[i] = epilogue == CUBLASLT_EPILOGUE_RELU_BIAS ? std::fmax(sum, 0) : gelu(sum);
      }
      // ReLU of small integers is exact; GELU is rounded to the 8 bits of bf16.
      const double tolerance = epilogue == CUBLASLT_EPILOGUE_RELU_BIAS ? 0 : 0x1p-7;
      guide::demand(tolerance == 0 ? "ReLU" : "GELU", want, outputs,
                    guide::to_host(device_y, stream).data(), outputs, tolerance);
    }
    std::puts("06 epilogue: X W^T + bias with ReLU and with GELU, each in one kernel, right");
  });
}
