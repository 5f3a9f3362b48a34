// SPDX-License-Identifier: Apache-2.0
//
// What tensor cores round, as far as it is known: the constants of every bound on errors.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace warpladder::gemm_tc {

/// How one type is multiplied and added up. All are relative errors per operation.
///
/// Products of 16-bit and 8-bit floats are exact. The products of one instruction and the
/// accumulator are shifted to the exponent of the largest of them and *truncated*, not rounded,
/// before they are added (Fasi, Higham, Mikaitis, Pranesh: Numerical behavior of NVIDIA tensor
/// cores, PeerJ Computer Science, 2021). How many bits are kept is not documented. They found 24
/// or more, plus carries, from Volta to Ampere; we assume that 22 bits behind the point survive,
/// which also covers what is added by ordinary float operations.
template <class In>
struct arithmetic {
  static constexpr double input_error = 0;
  static constexpr double addition_error = 0x1p-22;
};

/// tf32: the hardware reads 10 bits of fraction and ignores the others; those who round instead err
/// by half as much.
template <>
struct arithmetic<float> {
  static constexpr double input_error = 0x1p-10;
  static constexpr double addition_error = 0x1p-22;
};

/// 8-bit floats on Hopper: about 14 bits of the sum are kept (DeepSeek-AI: DeepSeek-V3 technical
/// report, 2024, section 3.5.2), which is 13 behind the point.
template <>
struct arithmetic<__nv_fp8_e4m3> {
  static constexpr double input_error = 0;
  static constexpr double addition_error = 0x1p-13;
};
template <>
struct arithmetic<__nv_fp8_e5m2> : arithmetic<__nv_fp8_e4m3> {};

/// How often a sum of k products is truncated at most: each product once, and the accumulator once
/// per instruction, the shallowest of which adds 4 (mma.sync, tf32); then alpha, beta, and their
/// sum.
__host__ __device__ constexpr double roundings(double k) {
  return 1.25 * k + 4;
}

/// How an output is stored.
template <class Out>
struct storage;
template <>
struct storage<float> {
  static constexpr double unit_roundoff = 0x1p-24, smallest = 0x1p-149, largest = 0x1.fffffep127;
};
template <>
struct storage<__nv_bfloat16> {
  static constexpr double unit_roundoff = 0x1p-8, smallest = 0x1p-133, largest = 0x1.fep127;
};
template <>
struct storage<__half> {
  static constexpr double unit_roundoff = 0x1p-11, smallest = 0x1p-24, largest = 65504;
};

}  // namespace warpladder::gemm_tc
