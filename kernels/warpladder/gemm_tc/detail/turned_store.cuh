// SPDX-License-Identifier: Apache-2.0
//
// The way of a warpgroup's 64 x N sums of C^T to a row-major C: what staged_store is to C. A thread
// holds pairs of neighbours in a column of C; on their way through shared memory they are turned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/core/warpgroup_mma.cuh>
#include <warpladder/gemm_tc/detail/warpgroup_store.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// The problem is that of C^T: C has its n rows and m columns. Only by the copy engine.
template <int N, class Problem>
class turned_store {
  using output = typename Problem::output;
  using scalar = typename Problem::scalar;
  static constexpr bool can_turn = (sizeof(output) == 2 || sizeof(output) == 4) &&
                                   std::is_same_v<decltype(Problem::epilogue), no_epilogue>;
  static constexpr int chunk_cols = 128 / int(sizeof(output)), chunks = 64 / chunk_cols;
  static constexpr int rows = std::min(80 / chunks, N);  // of C in a pass: 10 KiB

 public:
  static constexpr int shared_bytes = chunks * rows * 128;

  /// Can it write this C? The engine fills the last 16 bytes of a row, whatever they are.
  static bool can_engine(const Problem& p) {
    return can_turn && is_plain(p) && p.m * std::int64_t{sizeof(output)} % 16 == 0 &&
           can_tensor_map(p.c, p.ldc, p.batch > 1 ? p.stride_c : 0);
  }
  static cudaError_t make_map(tensor_map& map, const Problem& p) {
    return make_tensor_map<output>(
        map, {p.c, p.n, p.m, p.ldc, rows, chunk_cols, true, p.batch, p.batch > 1 ? p.stride_c : 0});
  }

  /// As those of staged_store; `map` is not null.
  __device__ turned_store(unsigned char* shared, int barrier, const tensor_map* map)
      : shared_(shared), barrier_(barrier), map_(map) {}

  __device__ __forceinline__ void wait_until_free() {
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
    numbered_barrier(barrier_, 128);
  }

  /// Sums from row `first_row`, column `first_col` of C^T on.
  __device__ __forceinline__ void store(const Problem&, const scalar (&sum)[N / 2],
                                        std::int64_t first_row, std::int64_t first_col,
                                        std::int64_t batch) {
    const int thread = int(threadIdx.x % 128);
#pragma unroll
    for (int pass = 0; pass < N; pass += rows) {
      if (pass > 0) wait_until_free();
      const int from = min(pass, N - rows);  // the last pass reaches back, and writes rows twice
      if constexpr (can_turn) write_rows(thread, &sum[from / 2]);
      fence_for_engines();
      numbered_barrier(barrier_, 128);
      if (thread == 0) {
#pragma unroll
        for (int chunk = 0; chunk < chunks; ++chunk)
          tensor_store(engine_, *map_, int(first_col) + from, int(first_row) + chunk * chunk_cols,
                       shared_ + chunk * rows * 128, int(batch));
        engine_.commit();
      }
    }
  }

  /// Before the warpgroup ends.
  __device__ __forceinline__ void drain() {
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
  }

 private:
  /// Chunks of `rows` rows of 128 bytes; piece p of 16 bytes of row r lies at p ^ r % 8.
  __device__ __forceinline__ void write_rows(int thread, const scalar* sum) const {
    const int lane = thread % 32, warp = thread / 32;
    if constexpr (sizeof(output) == 2) {
      // Squares of 8 x 8: two along the 16 columns of this warp, two along the rows of C.
      const int row = lane / 16 * 8 + lane % 8, piece = warp * 2 + lane / 8 % 2;
      unsigned char* const at = shared_ + row * 128 + (piece ^ row % 8) * 16;
#pragma unroll
      for (int first = 0; first < rows; first += 16) {
        unsigned words[4];
#pragma unroll
        for (int word = 0; word < 4; ++word) {
          const output both[2] = {output(sum[first / 2 + word * 2]),
                                  output(sum[first / 2 + word * 2 + 1])};
          memcpy(&words[word], both, sizeof both);
        }
        stmatrix_transposed(at + first * 128, words);
      }
    } else {
      // Lanes g have 8 columns of C, two pieces, and lanes q rows 2q (+ 1): the swizzle alone puts
      // these to different banks.
      const int g = lane / 4, q = lane % 4;
      unsigned char* const chunk = shared_ + warp / 2 * rows * 128 + g % 4 * 4;
#pragma unroll
      for (int i = 0; i < rows / 2; ++i) {
        const int row = i / 4 * 8 + q * 2 + i % 2;
        const int piece = warp % 2 * 4 + i / 2 % 2 * 2 + g / 4;
        *reinterpret_cast<output*>(chunk + row * 128 + (piece ^ row % 8) * 16) = output(sum[i]);
      }
    }
  }

  unsigned char* shared_;
  int barrier_;
  const tensor_map* map_;
  bulk_stores engine_;
};

}  // namespace warpladder::gemm_tc::detail
