// SPDX-License-Identifier: Apache-2.0
//
// 08 fp8. e4m3 has 3 bits of fraction and reaches from 2^-9 to 448: a tensor is divided by a scale
// that brings its largest magnitude to 448, and the product is multiplied by both scales again:
//
//   x is about scale_x * fp8(x / scale_x),      Y = scale_x * scale_w * (fp8 X) (fp8 W)^T
//
// The scales are floats in device memory, read when the kernel runs, so that a quantiser on the
// same stream can write them. They belong to the operands: swapped operands, swapped scales.
//
//   demands: as for int8 both contiguous along k (TN; a must before Blackwell), leading dimensions
//   and k multiples of 16, addresses multiples of 16 bytes; at most one of the inputs in e5m2
//
// CUBLASLT_MATMUL_DESC_FAST_ACCUM lets tensor cores add up with fewer bits than a float has. It is
// off by default: training needs the bits in the backward pass, inference often does not.

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <algorithm>

#include "lt.hpp"

namespace {

struct quantised {
  float scale;
  std::vector<__nv_fp8_e4m3> values;
};

quantised quantise(const std::vector<float>& x) {
  float largest = 0;
  for (const float one : x) largest = std::max(largest, std::fabs(one));
  quantised made{largest / 448, {}};
  for (const float one : x) made.values.push_back(__nv_fp8_e4m3(one / made.scale));
  return made;
}

}  // namespace

int main() {
  return guide::run(89, [] {
    const int tokens = 64, outputs = 96, inputs = 128;
    const auto x = quantise(guide::integers<float>(tokens * inputs, 1, 1000));
    const auto w = quantise(guide::integers<float>(outputs * inputs, 2, 3));
    const auto device_x = guide::to_device(x.values), device_w = guide::to_device(w.values);
    const auto scale_x = guide::to_device(std::vector<float>{x.scale});
    const auto scale_w = guide::to_device(std::vector<float>{w.scale});
    const warpladder::device_buffer<__nv_bfloat16> device_y(tokens * outputs);
    const warpladder::device_buffer<std::byte> workspace(std::size_t{32} << 20);
    const warpladder::stream stream;
    const auto lt = guide::make_lt();

    const auto descriptor = guide::make_descriptor(CUBLAS_COMPUTE_32F, CUDA_R_32F);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, (const void*)scale_w.data());
    guide::set(descriptor, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, (const void*)scale_x.data());
    const auto layout_w = guide::row_major(CUDA_R_8F_E4M3, outputs, inputs, inputs);
    const auto layout_x = guide::row_major(CUDA_R_8F_E4M3, tokens, inputs, inputs);
    const auto layout_y = guide::row_major(CUDA_R_16BF, tokens, outputs, outputs);
    const auto found =
        guide::find_algorithms(lt, descriptor, layout_w, layout_x, layout_y, workspace.size());

    const float one = 1, zero = 0;
    TRY_CUBLAS(cublasLtMatmul(lt.get(), descriptor.get(), &one, device_w.data(), layout_w.get(),
                              device_x.data(), layout_x.get(), &zero, device_y.data(),
                              layout_y.get(), device_y.data(), layout_y.get(), &found[0].algo,
                              workspace.data(), workspace.size(), stream));

    // Of the quantised numbers: what quantising costs is another question (docs/faq.md, A1b).
    const auto of_x = [&](int row, int i) {
      return float(x.values[std::size_t(row * inputs + i)]) * x.scale;
    };
    const auto of_w = [&](int i, int col) {
      return float(w.values[std::size_t(col * inputs + i)]) * w.scale;
    };
    const auto want = guide::plain_loop(tokens, outputs, inputs, of_x, of_w);
    // bf16 rounds by 2^-9 of the result; sums that cancel keep errors of the size of their terms.
    const double scale_of_terms = double(x.scale) * 448 * double(w.scale) * 448;
    const auto y = guide::to_host(device_y, stream);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double bound = 0x1p-8 * std::fabs(want[i]) + 0x1p-10 * scale_of_terms * inputs;
      if (!(std::fabs(double(float(y[i])) - want[i]) <= bound))
        throw std::runtime_error("element " + std::to_string(i) + " is wrong");
    }
    std::puts("08 fp8: X W^T of e4m3 with a scale per tensor, within the bound of its sums");
  });
}
