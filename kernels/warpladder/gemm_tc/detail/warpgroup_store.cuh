// SPDX-License-Identifier: Apache-2.0
//
// The way of a warpgroup's 64 x N sums to C. A thread holds pairs of neighbours in a row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/tensor_copy.cuh>
#include <warpladder/core/warp_mma.cuh>
#include <warpladder/core/warpgroup_mma.cuh>
#include <warpladder/gemm_tc/detail/finish_rows.cuh>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::gemm_tc::detail {

/// Is C = A B, rounded, all that is asked for?
template <class Problem>
__host__ __device__ bool is_plain(const Problem& p) {
  using scalar = typename Problem::scalar;
  return std::is_same_v<decltype(p.epilogue), no_epilogue> && p.alpha == scalar(1) &&
         p.beta == scalar(0);
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
  const bool pairs = is_plain(p) && reinterpret_cast<std::uintptr_t>(p.c) % sizeof(pair) == 0 &&
                     p.ldc % 2 == 0 && (p.batch == 1 || p.stride_c % 2 == 0);
  const int thread = int(threadIdx.x % 128);
#pragma unroll
  for (int i = 0; i < N / 2; i += 2) {
    const std::int64_t row = first_row + warpgroup_sum_row(thread, i);
    const std::int64_t col = first_col + warpgroup_sum_col(thread, i);
    if (row >= p.m || col >= p.n) continue;
    if (pairs && col + 1 < p.n) {
      *reinterpret_cast<pair*>(p.c + batch * p.stride_c + row * p.ldc + col) = {output(sum[i]),
                                                                                output(sum[i + 1])};
    } else {
      finish(p, sum[i], row, col, batch);
      if (col + 1 < p.n) finish(p, sum[i + 1], row, col + 1, batch);
    }
  }
}

/// Through shared memory, so that whole sectors are written. Room: KiB of it per warpgroup.
///
/// A plain C of 16 or 32 bits goes by the copy engine: the warpgroup writes swizzled chunks of 64
/// rows of 128 bytes without bank conflicts, one thread asks the engine to take them away, and all
/// go on to the next tile. The engine leaves out the rows and 16 bytes that lie outside of C. With
/// room for all columns nobody waits in between.
///
/// Everything else goes by the threads: each warp spreads its 16 rows, and finishes them in order
/// by a loop. (Finished in registers each of 128 sums has code of its own: such a kernel was 15 000
/// instructions long, more than the instruction caches hold.)
template <int N, class Problem, int Room>
class staged_store {
 public:
  using output = typename Problem::output;
  using scalar = typename Problem::scalar;
  static constexpr int shared_bytes = Room * 1024;

  /// Can the copy engine write this C? It fills the last 16 bytes of a row, whatever they are.
  static bool can_engine(const Problem& p) {
    return engine_takes && is_plain(p) && p.n * std::int64_t{sizeof(output)} % 16 == 0 &&
           can_tensor_map(p.c, p.ldc, p.batch > 1 ? p.stride_c : 0);
  }
  static cudaError_t make_map(tensor_map& map, const Problem& p) {
    return make_tensor_map<output>(
        map, {p.c, p.m, p.n, p.ldc, 64, chunk_cols, true, p.batch, p.batch > 1 ? p.stride_c : 0});
  }

  /// `shared` is aligned to 1024 bytes. `barrier`: a number for numbered_barrier() that belongs to
  /// this warpgroup. `map` is null if the engine cannot write this C.
  __device__ staged_store(unsigned char* shared, int barrier, const tensor_map* map)
      : shared_(shared), barrier_(barrier), map_(map) {}

  /// Returns when the shared memory may be written again: before store(), as early as possible.
  __device__ __forceinline__ void wait_until_free() {
    if (map_ == nullptr) return;
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
    numbered_barrier(barrier_, 128);
  }

  __device__ __forceinline__ void store(const Problem& p, const scalar (&sum)[N / 2],
                                        std::int64_t first_row, std::int64_t first_col,
                                        std::int64_t batch, bool engine_may = true) {
    if constexpr (engine_takes) {
      if (map_ != nullptr && engine_may)
        return store_by_engine(sum, int(first_row), int(first_col), int(batch));
    }
    store_by_threads(p, sum, first_row, first_col, batch);
  }

  /// Before the warpgroup ends.
  __device__ __forceinline__ void drain() {
    if (threadIdx.x % 128 == 0) engine_.template wait_until_read<0>();
  }

 private:
  static constexpr int chunk_cols = 128 / int(sizeof(output)), chunk_bytes = 64 * 128;
  static constexpr bool engine_takes = (sizeof(output) == 2 || sizeof(output) == 4) &&
                                       std::is_same_v<decltype(Problem::epilogue), no_epilogue>;
  static constexpr int room = Room * 1024 / 4 / int(sizeof(scalar));  // sums of a warp
  static constexpr int thread_cols = std::gcd(N, 16 * sums_stride(64) <= room ? 64 : 32);
  static constexpr int chunks = std::min(Room * 1024 / chunk_bytes, ceil_div(N, chunk_cols));

  /// The first column of a chunk. The last one reaches back if N does not end with it, and brings
  /// some columns twice.
  static __device__ __forceinline__ int chunk_at(int pass, int chunk) {
    return min(pass + chunk * chunk_cols, N - chunk_cols);
  }

  __device__ __forceinline__ void store_by_engine(const scalar (&sum)[N / 2], int first_row,
                                                  int first_col, int batch) {
    const int thread = int(threadIdx.x % 128);
#pragma unroll
    for (int pass = 0; pass < N; pass += chunks * chunk_cols) {
      if (pass > 0) wait_until_free();
#pragma unroll
      for (int chunk = 0; chunk < chunks; ++chunk)
        write_chunk(shared_ + chunk * chunk_bytes, thread, &sum[chunk_at(pass, chunk) / 2]);
      fence_for_engines();
      numbered_barrier(barrier_, 128);
      if (thread == 0) {
#pragma unroll
        for (int chunk = 0; chunk < chunks; ++chunk)
          tensor_store(engine_, *map_, first_row, first_col + chunk_at(pass, chunk),
                       shared_ + chunk * chunk_bytes, batch);
        engine_.commit();
      }
    }
  }

  __device__ __forceinline__ void store_by_threads(const Problem& p, const scalar (&sum)[N / 2],
                                                   std::int64_t first_row, std::int64_t first_col,
                                                   std::int64_t batch) {
    constexpr int cols = thread_cols, stride = sums_stride(cols);
    static_assert(16 * stride <= room);
    struct alignas(8) pair {
      scalar x, y;
    };
    const int thread = int(threadIdx.x % 128), warp = thread / 32;
    scalar* const mine = reinterpret_cast<scalar*>(shared_) + warp * 16 * stride;
#pragma unroll
    for (int pass = 0; pass < N; pass += cols) {
      __syncwarp();  // what is there has been read
#pragma unroll
      for (int i = 0; i < cols / 2; i += 2)
        *reinterpret_cast<pair*>(mine + warpgroup_sum_row(thread, i) % 16 * stride +
                                 warpgroup_sum_col(thread, i)) = {sum[pass / 2 + i],
                                                                  sum[pass / 2 + i + 1]};
      __syncwarp();
      finish_rows<16, cols>(p, mine, stride, first_row + warp * 16, first_col + pass, batch);
    }
  }

  /// Piece p of 16 bytes of row r lies at p ^ r % 8.
  static __device__ __forceinline__ void write_chunk(unsigned char* chunk, int thread,
                                                     const scalar* sum) {
    const int lane = thread % 32;
    if constexpr (sizeof(output) == 2) {
      const int row = thread / 32 * 16 + lane % 16;  // the one whose address this lane passes
#pragma unroll
      for (int piece = 0; piece < 8; piece += 2) {
        unsigned words[4];
#pragma unroll
        for (int word = 0; word < 4; ++word) {
          const output both[2] = {output(sum[piece * 4 + word * 2]),
                                  output(sum[piece * 4 + word * 2 + 1])};
          memcpy(&words[word], both, sizeof both);
        }
        stmatrix(chunk + row * 128 + ((piece + lane / 16) ^ row % 8) * 16, words);
      }
    } else {
      // Four lanes have 8 columns of a row, two pieces, and four rows are stored at one time. The
      // swizzle alone puts the pieces of rows r and r + 1 to the same banks: so odd rows store the
      // columns 16 further on, and these when the even ones do that.
      struct alignas(8) pair {
        output x, y;
      };
      const int row = warpgroup_sum_row(thread, 0), ahead = row % 2 * 2;
#pragma unroll
      for (int half = 0; half < 2; ++half) {  // row and row + 8
        pair pairs[4];
#pragma unroll
        for (int group = 0; group < 4; ++group)
          pairs[group] = {output(sum[group * 4 + half * 2]), output(sum[group * 4 + half * 2 + 1])};
#pragma unroll
        for (int group = 0; group < 4; ++group) {
          const int piece = ((group ^ ahead) * 2 + lane % 4 / 2) ^ row % 8;
          *reinterpret_cast<pair*>(chunk + (row + half * 8) * 128 + piece * 16 + lane % 2 * 8) =
              ahead == 0 ? pairs[group] : pairs[group ^ 2];
        }
      }
    }
  }

  unsigned char* shared_;
  int barrier_;
  const tensor_map* map_;
  bulk_stores engine_;
};

}  // namespace warpladder::gemm_tc::detail
