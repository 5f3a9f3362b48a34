// SPDX-License-Identifier: Apache-2.0
//
// Operands whose rows do not begin on multiples of 16 bytes, which neither cp.async nor the copy
// engine takes: copied once, into rows that do. A product uses each element of A n times and each
// of B m times, so that one more read and write of both is little beside it.
//
// Bytes: twice those of the operands. bf16, 4096 x 4096 each: 134 MB, 50 us, for 200 us of products
// by 10 and 1900 us by 02.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/workspace.hpp>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// `matrices` of rows x cols, of which the copy's rows are to_ld apart, one matrix after the other.
template <class T>
struct row_copy {
  static constexpr int per_lane = 16 / int(sizeof(T)), per_warp = 32 * per_lane;

  const T* from;
  T* to;
  std::int64_t matrices, rows, cols, from_stride, from_ld, to_ld;

  __host__ __device__ std::int64_t pieces() const {
    return matrices * rows * ceil_div<std::int64_t>(cols, per_warp);
  }

  /// Warp `first` of `warps` does its part. Neighbouring lanes move neighbouring elements: that
  /// suits any alignment, and 64 warps with 512 bytes each keep memory busy.
  __device__ __forceinline__ void run(std::int64_t first, std::int64_t warps) const {
    const std::int64_t across = ceil_div<std::int64_t>(cols, per_warp);
    for (std::int64_t piece = first; piece < pieces(); piece += warps) {
      const std::int64_t row = piece / across;  // of all matrices
      const std::int64_t col = piece % across * per_warp + threadIdx.x % 32;
      const T* const source = from + row / rows * from_stride + row % rows * from_ld;
      T* const target = to + row * to_ld;
      T values[per_lane];
#pragma unroll
      for (int i = 0; i < per_lane; ++i) {
        if (col + i * 32 < cols) values[i] = source[col + i * 32];
      }
#pragma unroll
      for (int i = 0; i < per_lane; ++i) {
        if (col + i * 32 < cols) target[col + i * 32] = values[i];
      }
    }
  }
};

template <class T>
__global__ void __launch_bounds__(256) realign_kernel(row_copy<T> a, row_copy<T> b) {
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t warps = std::int64_t{gridDim.x} * blockDim.x / 32;
  let_next_kernel_start();
  wait_for_kernels_before();
  a.run(thread / 32, warps);
  b.run(thread / 32, warps);
}

/// The copies that a problem needs, in `scratch`; those without rows are not needed. bytes: what
/// they take of it.
template <class Input>
struct realignment {
  row_copy<Input> a = {}, b = {};
  std::size_t bytes = 0;

  realignment() = default;
  template <class Problem>
  realignment(const Problem& p, void* scratch) {
    const auto plan = [&](const Input* base, bool is_turned, std::int64_t outer, std::int64_t ld,
                          std::int64_t stride) {
      const bool is_needed = !can_tensor_map(base, ld, p.batch > 1 ? stride : 0);
      const std::int64_t cols = is_turned ? outer : p.k;
      const row_copy<Input> copy{
          .from = base,
          .to = reinterpret_cast<Input*>(reinterpret_cast<std::uintptr_t>(scratch) + bytes),
          .matrices = stride == 0 ? 1 : p.batch,
          .rows = !is_needed  ? 0
                  : is_turned ? p.k
                              : outer,
          .cols = cols,
          .from_stride = stride,
          .from_ld = ld,
          .to_ld = round_up<std::int64_t>(cols, 128 / sizeof(Input))};  // whole lines of L2
      bytes += std::size_t(copy.matrices * copy.rows * copy.to_ld) * sizeof(Input);
      return copy;
    };
    a = plan(p.a, p.trans_a == transpose::yes, p.m, p.lda, p.stride_a);
    b = plan(p.b, p.trans_b == transpose::no, p.n, p.ldb, p.stride_b);
  }

  /// The problem with the copies in the place of what they copy.
  template <class Problem>
  Problem applied_to(Problem p) const {
    if (a.rows > 0)
      p.a = a.to, p.lda = a.to_ld, p.stride_a = p.stride_a == 0 ? 0 : a.rows * a.to_ld;
    if (b.rows > 0)
      p.b = b.to, p.ldb = b.to_ld, p.stride_b = p.stride_b == 0 ? 0 : b.rows * b.to_ld;
    return p;
  }

  cudaError_t launch(cudaStream_t stream) const {
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const std::int64_t blocks = ceil_div<std::int64_t>(a.pieces() + b.pieces(), 8);
    return launch_kernel(
        realign_kernel<Input>,
        {.grid = dim3(unsigned(std::min<std::int64_t>(blocks, device.multiprocessors * 8))),
         .block = dim3(256),
         .stream = stream,
         .overlaps_kernel_before = true},
        a, b);
  }
};

}  // namespace warpladder::gemm_tc::detail
