// SPDX-License-Identifier: Apache-2.0
//
// The way of a warpgroup's 64 x N sums to C. A thread holds pairs of neighbours in a row.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/core/warpgroup_mma.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// What becomes of one sum before it is rounded. Plain: alpha is 1, beta is 0 and there is no
/// epilogue, nothing outside of the sum is looked at. Otherwise only elements of C are.
template <bool Plain, class Problem>
__device__ __forceinline__ auto finished(const Problem& p, typename Problem::scalar sum,
                                         std::int64_t row, std::int64_t col, std::int64_t batch) {
  using scalar = typename Problem::scalar;
  if constexpr (Plain) {
    return sum;
  } else {
    scalar value = wrapping_product(p.alpha, sum);
    using result = decltype(p.epilogue(value, row, col, batch));
    if (row >= p.m || col >= p.n) return result(0);
    if (p.beta != scalar(0)) {
      const auto old = scalar(p.c[batch * p.stride_c + row * p.ldc + col]);
      value = wrapping_add(value, wrapping_product(p.beta, old));
    }
    return p.epilogue(value, row, col, batch);
  }
}

/// Calls store.template operator()<Plain>(): one branch for all sums instead of one for each.
template <class Problem, class Store>
__device__ __forceinline__ void with_plain(const Problem& p, const Store& store) {
  using scalar = typename Problem::scalar;
  if constexpr (std::is_same_v<std::remove_cvref_t<decltype(p.epilogue)>, no_epilogue>) {
    if (p.alpha == scalar(1) && p.beta == scalar(0)) return store.template operator()<true>();
  }
  store.template operator()<false>();
}

/// Straight from the registers: four lanes write 8 neighbours of a row. Any C.
template <int N, class Problem>
__device__ __forceinline__ void store_sums(const Problem& p,
                                           const typename Problem::scalar (&sum)[N / 2],
                                           std::int64_t first_row, std::int64_t first_col,
                                           std::int64_t batch) {
  using output = typename Problem::output;
  struct alignas(2 * sizeof(output)) pair {
    output x, y;
  };
  const bool pairs = reinterpret_cast<std::uintptr_t>(p.c) % sizeof(pair) == 0 && p.ldc % 2 == 0 &&
                     p.stride_c % 2 == 0;
  const int thread = int(threadIdx.x % 128);
  with_plain(p, [&]<bool Plain>() {
#pragma unroll
    for (int i = 0; i < N / 2; i += 2) {
      const std::int64_t row = first_row + warpgroup_sum_row(thread, i);
      const std::int64_t col = first_col + warpgroup_sum_col(thread, i);
      if (row >= p.m || col >= p.n) continue;
      output* const c = p.c + batch * p.stride_c + row * p.ldc + col;
      const auto x = output(finished<Plain>(p, sum[i], row, col, batch));
      if (col + 1 == p.n) {
        *c = x;
        continue;
      }
      const auto y = output(finished<Plain>(p, sum[i + 1], row, col + 1, batch));
      if (pairs) {
        *reinterpret_cast<pair*>(c) = {x, y};
      } else {
        c[0] = x;
        c[1] = y;
      }
    }
  });
}

/// Through shared memory and the copy engine, for outputs of 16 bits: the warpgroup writes swizzled
/// chunks of 64 x 64 (stmatrix, no bank conflicts), one thread asks the engine to take them away,
/// and all go on to the next tile. The engine leaves out the rows and 16 bytes that lie outside of
/// C. Chunks: how many there is room for. With room for all N columns nobody waits in between.
template <int N, class Problem, int Chunks = N / 64>
class staged_store {
 public:
  using output = typename Problem::output;
  static constexpr bool fits = sizeof(output) == 2;
  static constexpr int chunk_cols = 64, chunk_bytes = 64 * 128;
  static constexpr int shared_bytes = fits ? Chunks * chunk_bytes : 0;  // per warpgroup

  /// Can the copy engine write this C? It fills the last 16 bytes of a row, whatever they are.
  static bool can(const Problem& p) {
    return fits && p.n * std::int64_t{sizeof(output)} % 16 == 0 &&
           can_tensor_map(p.c, p.ldc, p.batch > 1 ? p.stride_c : 0);
  }
  static cudaError_t make_map(tensor_map& map, const Problem& p) {
    return make_tensor_map<output>(
        map, {p.c, p.m, p.n, p.ldc, 64, chunk_cols, true, p.batch, p.batch > 1 ? p.stride_c : 0});
  }

  /// `shared` is aligned to 1024 bytes. `barrier`: a number for numbered_barrier() that belongs to
  /// this warpgroup.
  __device__ staged_store(unsigned char* shared, int barrier)
      : shared_(shared), barrier_(barrier) {}

  /// Returns when the shared memory may be written again: before store(), as early as possible.
  __device__ __forceinline__ void wait_until_free() {
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
    numbered_barrier(barrier_, 128);
  }

  __device__ __forceinline__ void store(const Problem& p, const tensor_map& map,
                                        const typename Problem::scalar (&sum)[N / 2],
                                        std::int64_t first_row, std::int64_t first_col,
                                        std::int64_t batch) {
    const int thread = int(threadIdx.x % 128), lane = thread % 32;
    const int row = thread / 32 * 16 + lane % 16;  // the one whose address this lane passes
    with_plain(p, [&]<bool Plain>() {
#pragma unroll
      for (int pass = 0; pass < N; pass += Chunks * chunk_cols) {
        if (pass > 0) wait_until_free();
#pragma unroll
        for (int col = 0; col < Chunks * chunk_cols; col += 16) {
          unsigned words[4];
#pragma unroll
          for (int word = 0; word < 4; ++word) {
            const int i = (pass + col) / 2 + word * 2;
            const std::int64_t r = first_row + warpgroup_sum_row(thread, i);
            const std::int64_t c = first_col + warpgroup_sum_col(thread, i);
            const output both[2] = {output(finished<Plain>(p, sum[i], r, c, batch)),
                                    output(finished<Plain>(p, sum[i + 1], r, c + 1, batch))};
            memcpy(&words[word], both, sizeof both);
          }
          const int piece = col % chunk_cols / 8 + lane / 16;
          stmatrix(shared_ + col / chunk_cols * chunk_bytes + row * 128 + (piece ^ row % 8) * 16,
                   words);
        }
        fence_for_engines();
        numbered_barrier(barrier_, 128);
        if (thread == 0) {
#pragma unroll
          for (int col = 0; col < Chunks * chunk_cols; col += chunk_cols)
            tensor_store(engine_, map, int(first_row), int(first_col) + pass + col,
                         shared_ + col / chunk_cols * chunk_bytes, int(batch));
          engine_.commit();
        }
      }
    });
  }

  /// Before the warpgroup ends.
  __device__ __forceinline__ void drain() {
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
  }

 private:
  unsigned char* shared_;
  int barrier_;
  bulk_stores engine_;
};

}  // namespace warpladder::gemm_tc::detail
