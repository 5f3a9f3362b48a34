// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace warpladder::bench {

/// x(row, col) *= 2^exponents[row], or [col] if !by_row: exact. x is rows x cols, row-major.
cudaError_t scale_by_powers_of_two(float* x, int rows, int cols, const int* exponents, bool by_row,
                                   cudaStream_t stream);

/// high = x rounded to the narrow format, low = what is left, rounded likewise. float stands for
/// TF32, a float whose 13 last bits are zero. low may be null.
cudaError_t split(const float* x, std::size_t size, float* high, float* low, cudaStream_t stream);
cudaError_t split(const float* x, std::size_t size, __nv_bfloat16* high, __nv_bfloat16* low,
                  cudaStream_t stream);
cudaError_t split(const float* x, std::size_t size, __half* high, __half* low, cudaStream_t stream);

/// out = in / scale, rounded to the narrow type. int8 is cut off at -127 and 127, e4m3 at 448.
cudaError_t quantise(const float* in, std::size_t size, float scale, __nv_fp8_e4m3* out,
                     cudaStream_t stream);
cudaError_t quantise(const float* in, std::size_t size, float scale, std::int8_t* out,
                     cudaStream_t stream);

/// out = in * scale, in float.
cudaError_t widen(const __half* in, std::size_t size, float scale, float* out, cudaStream_t stream);
cudaError_t widen(const std::int32_t* in, std::size_t size, float scale, float* out,
                  cudaStream_t stream);

/// Row-major: in is rows x cols, out cols x rows.
cudaError_t transpose(const float* in, int rows, int cols, float* out, cudaStream_t stream);

/// In float64, for row-major A (m x k) and B (k x n): product = A B and magnitude = |A| |B|.
/// Products of floats are exact in float64; the sums err by at most k 2^-53 |A| |B|.
cudaError_t reference_product(const float* a, const float* b, int m, int n, int k, double* product,
                              double* magnitude, cudaStream_t stream);

}  // namespace warpladder::bench
