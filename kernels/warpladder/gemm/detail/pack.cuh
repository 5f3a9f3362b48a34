// SPDX-License-Identifier: Apache-2.0
//
// Copies of operands whose rows do not begin at multiples of 16 bytes, into rows that do: what the
// copy engine and vector loads need. Reading and writing m k + k n elements costs little beside
// m n k multiply-adds: 2047 x 2049 x 2050 moves 67 MB, about 25 us of 350.
#pragma once

#include <algorithm>
#include <cstddef>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/workspace.hpp>
#include <warpladder/gemm/problem.hpp>

namespace warpladder::gemm::detail {

/// One matrix to copy; rows == 0: nothing to do.
struct pack_copy {
  const float* from;
  float* to;
  std::int64_t rows, cols, from_ld, to_ld;
};

template <int Threads>
__global__ void __launch_bounds__(Threads) pack_kernel(pack_copy a, pack_copy b) {
  const pack_copy copy = blockIdx.y == 0 ? a : b;
  for (std::int64_t row = blockIdx.x; row < copy.rows; row += gridDim.x) {
#pragma unroll 4
    for (std::int64_t col = threadIdx.x; col < copy.cols; col += Threads)
      copy.to[row * copy.to_ld + col] = copy.from[row * copy.from_ld + col];
  }
}

/// The packing that a problem needs: its copies, and itself with the packed operands.
class packing {
 public:
  explicit packing(const problem<float>& p, void* scratch = nullptr) : packed(p) {
    if (p.depth() == 0) return;
    const bool ta = p.trans_a == transpose::yes, tb = p.trans_b == transpose::yes;
    plan(a_, packed.a, packed.lda, ta ? p.k : p.m, ta ? p.m : p.k, scratch);
    plan(b_, packed.b, packed.ldb, tb ? p.n : p.k, tb ? p.k : p.n, scratch);
  }

  std::size_t bytes() const { return bytes_; }

  cudaError_t launch(cudaStream_t stream) const {
    constexpr int threads = 256;
    const std::int64_t rows = std::max(a_.rows, b_.rows);
    if (rows == 0) return cudaSuccess;
    return warpladder::launch_kernel(pack_kernel<threads>,
                                     {.grid = dim3(unsigned(std::min<std::int64_t>(rows, 4096)), 2),
                                      .block = dim3(threads),
                                      .stream = stream},
                                     a_, b_);
  }

  problem<float> packed;

 private:
  void plan(pack_copy& copy, const float*& base, std::int64_t& ld, std::int64_t rows,
            std::int64_t cols, void* scratch) {
    if (can_tensor_map(base, ld)) return;
    const std::int64_t packed_ld = round_up<std::int64_t>(cols, 4);
    auto* const to =  // without scratch only bytes() is wanted
        scratch == nullptr ? nullptr
                           : reinterpret_cast<float*>(static_cast<char*>(scratch) + bytes_);
    copy = {base, to, rows, cols, ld, packed_ld};
    base = to;
    ld = packed_ld;
    bytes_ += round_up<std::size_t>(std::size_t(rows) * packed_ld * sizeof(float), 256);
  }

  pack_copy a_ = {}, b_ = {};
  std::size_t bytes_ = 0;
};

}  // namespace warpladder::gemm::detail
