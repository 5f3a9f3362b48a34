// SPDX-License-Identifier: Apache-2.0
//
// 08 tuned. Before: 07 moves long arrays at the speed of device memory, but begins with a barrier
// of the whole grid and works in rounds, each with a barrier's worth of waiting: for short arrays
// that is most of the time. Nor can every device run it.
//
// Idea: choose by length. What lies in L2 is cheap to read twice: up to 8 MiB, two kernels reduce,
// then scan (see 05 for the source), a tile per block. The first writes the sum of every tile but
// the last. The second needs no kernel in between that scans the sums: every block adds up all
// those before its tile by itself, while its own tile is on the way. No block waits for another
// one. Longer arrays: 07, or where that cannot run the two kernels again, with a scan of the sums
// between them once they are too many for every block to read.
//   * Threads per tile t: half as many as there are tiles, up to 512. Then a block of the second
//     kernel has two sums per thread to read, and neither kernel has more than it must.
//   * Up to 32 KiB one block does it all: the second kernel alone, without a workspace.
//   * Both kernels are set up while the one before still runs (core/dependent_launch.cuh).
// Traffic: up to 8 MiB, in is read twice, the second time from L2, out written once. 2^20 floats
// are 512 tiles of 8 KiB in blocks of 256 threads: a block reads up to 2 KiB of sums beside its
// tile, 512 KiB in all beside twice 4 MiB. Every thread has all of its loads in flight at once.
// Order: fixed by n and the types (and the device, where 07 runs): equal inputs, equal bits.
// Limited by: the latency of two dependent kernels; in long arrays by device memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/scan/03_warp_shuffle.cuh>
#include <warpladder/scan/07_rounds.cuh>
#include <warpladder/scan/detail/scan_then_propagate.cuh>
#include <warpladder/scan/detail/vectors.cuh>
#include <warpladder/scan/detail/warp_tile.cuh>
#include <warpladder/scan/problem.hpp>

namespace warpladder::scan {

template <class T, class Op>
struct two_kernels_tuning {
  /// Vectors (of up to 16 bytes) per thread: few in arrays that are thereby spread over more
  /// threads, many in longer ones.
  static constexpr int few_vectors = 2, many_vectors = 4;
  static constexpr std::int64_t few_bytes = 8 << 20;
  /// Large accumulators, and many in a vector, take half the threads, for their registers.
  static constexpr int max_threads =
      sizeof(typename Op::accumulator) <= 8 && detail::lane_vector<T, Op>() <= 4 ? 1024 : 512;
  static constexpr int max_tile_threads = 512;  ///< where there are several tiles
  static constexpr int tiles_per_thread = 2;    ///< as many times more tiles than threads in one
  static constexpr int vectors_alone = 2048;    ///< up to which one block does it alone
  static constexpr int sums_per_thread = 2;     ///< tiles before that one thread adds up, at most
};

namespace detail {

/// A lane's vector as it is loaded. It is taken apart only when it is used: to take it apart at
/// once would make the next load wait for this one.
template <class T, int Size, bool IsVector = (Size > 1)>
struct packed_of {
  using type = typename word_of<Size* int{sizeof(T)}>::type;
};
template <class T, int Size>
struct packed_of<T, Size, false> {
  using type = T;
};
template <class T, int Size>
using packed = typename packed_of<T, Size>::type;

/// AreAligned: may `Size` neighbours be moved at once?
template <int Size, bool AreAligned, class T>
__device__ __forceinline__ packed<T, Size> load_packed(const T* from) {
  if constexpr (AreAligned) {
    return *reinterpret_cast<const packed<T, Size>*>(from);
  } else {
    T x[Size];
#pragma unroll
    for (int i = 0; i < Size; ++i) x[i] = from[i];
    packed<T, Size> bits;
    memcpy(static_cast<void*>(&bits), x, sizeof bits);
    return bits;
  }
}

template <class T, int Size, class Op>
__device__ __forceinline__ typename Op::accumulator sum_packed(const Op& op,
                                                               const packed<T, Size>& bits,
                                                               std::int64_t index) {
  T x[Size];
  memcpy(static_cast<void*>(x), &bits, sizeof x);
  typename Op::accumulator sum = op.lift(x[0], index);
#pragma unroll
  for (int i = 1; i < Size; ++i) sum = combine_in_order(op, sum, op.lift(x[i], index + i));
  return sum;
}

}  // namespace detail

// What 14 of reduce tells about kernels of this length holds here: parameters that are needed last
// stand first, whole and partial tiles take one path, and the arithmetic stands before the wait.

/// sums[tile] = the sum of a whole tile, of which every thread has a run of its own.
template <int Vectors, bool AreAligned, class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::max_threads)
    sum_tiles_kernel(typename Op::accumulator* sums, problem<T, Op> p) {
  using accumulator = typename Op::accumulator;
  constexpr int each = detail::warp_tile<T, Op, 1>::vector;
  __shared__ accumulator warp_sums[32];
  const int threads = blockDim.x, warps = blockDim.x / 32;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::int64_t first = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * (Vectors * each);
  const T* const in = p.in + first;

  let_next_kernel_start();
  wait_for_kernels_before();
  detail::packed<T, each> loaded[Vectors];
#pragma unroll
  for (int k = 0; k < Vectors; ++k)
    loaded[k] = detail::load_packed<each, AreAligned>(in + k * each);
  accumulator sum = detail::sum_packed<T, each>(p.op, loaded[0], first);
#pragma unroll
  for (int k = 1; k < Vectors; ++k)
    sum =
        combine_in_order(p.op, sum, detail::sum_packed<T, each>(p.op, loaded[k], first + k * each));

  sum = detail::sum_lanes(p.op, sum);
  if (lane == 0) warp_sums[warp] = sum;
  __syncthreads();
  sum = detail::sum_lanes(p.op, lane < warps ? warp_sums[lane] : p.op.identity());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// Scans a tile per block. `sums` are those of the tiles, or of all tiles up to each one if
/// `are_scanned`. A warp has a slice of the tile, in rows of 32 vectors, one per lane.
template <int Vectors, bool AreAligned, class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::max_threads)
    scan_tiles_kernel(const typename Op::accumulator* sums, problem<T, Op> p, bool are_scanned) {
  using accumulator = typename Op::accumulator;
  using result = typename Op::result;
  constexpr int each = detail::warp_tile<T, Op, 1>::vector, row = 32 * each;
  constexpr int sums_per_thread = Tuning::sums_per_thread;
  __shared__ accumulator in_order[2 * 32];  // sums of tiles, by warp; then of this tile, by warp
  const Op& op = p.op;
  const int warps = blockDim.x / 32, thread = threadIdx.x, tile = blockDim.x * (Vectors * each);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::int64_t begin = std::int64_t{blockIdx.x} * tile;
  const int left = p.n - begin < tile ? int(p.n - begin) : tile, rest = unsigned(left) % each;
  const int whole = left - rest;  // what vectors can move
  const int first = warp * Vectors * row + lane * each;
  const T* const in = p.in + begin + first;
  result* const out = p.out + begin + first;
  // Less than a vector at the end of the array: an element each for lanes of the last warp.
  const bool is_at_end = warp == warps - 1 && lane < rest;
  const int tiles_before = blockIdx.x;
  const int first_sum = are_scanned ? max(tiles_before - 1, 0) + thread : thread * sums_per_thread;

  let_next_kernel_start();
  wait_for_kernels_before();
  accumulator before = op.identity(), sum_before[sums_per_thread], at_end = before;
#pragma unroll
  for (int k = 0; k < sums_per_thread; ++k)
    sum_before[k] = first_sum + k < tiles_before ? sums[first_sum + k] : op.identity();
  detail::packed<T, each> loaded[Vectors];
#pragma unroll
  for (int k = 0; k < Vectors; ++k) {
    if (first + k * row < whole) loaded[k] = detail::load_packed<each, AreAligned>(in + k * row);
  }
  if (is_at_end) at_end = op.lift(p.in[begin + whole + lane], begin + whole + lane);

  // What stands before this lane's vector in the slice of the warp.
  accumulator in_slice[Vectors], slice = op.identity();
#pragma unroll
  for (int k = 0; k < Vectors; ++k) {
    accumulator sum = op.identity();
    if (first + k * row < whole)
      sum = detail::sum_packed<T, each>(op, loaded[k], begin + first + k * row);
    sum = detail::scan_lanes(op, sum);
    const accumulator below = shuffle_up(sum, 1);
    in_slice[k] = lane == 0 ? slice : op.combine(slice, below);
    slice = op.combine(slice, shuffle_from(sum, 31));
  }
#pragma unroll
  for (int k = 0; k < sums_per_thread; ++k) before = op.combine(before, sum_before[k]);
  before = detail::sum_lanes(op, before);
  if (lane == 0) in_order[warp] = before;
  if (lane == 0) in_order[warps + warp] = slice;
  __syncthreads();
  // Every warp adds up what stands before its slice, two sums in a lane.
  const int known = warps + warp;
  accumulator pair[2];
#pragma unroll
  for (int k = 0; k < 2; ++k)
    pair[k] = 2 * lane + k < known ? in_order[2 * lane + k] : op.identity();
  before = op.combine(p.initial, detail::sum_lanes(op, op.combine(pair[0], pair[1])));

  // In place: the block has loaded all of its tile, and nobody else does any more.
#pragma unroll
  for (int k = 0; k < Vectors; ++k) {
    if (first + k * row >= whole) continue;
    T x[each];
    result y[each];
    memcpy(static_cast<void*>(x), &loaded[k], sizeof x);
    accumulator sum = op.combine(before, in_slice[k]);
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const accumulator up_to = op.combine(sum, op.lift(x[i], begin + first + k * row + i));
      y[i] = op.finish(p.what == kind::inclusive ? up_to : sum);
      sum = up_to;
    }
    if constexpr (AreAligned) {
      detail::store_vector(out + k * row, y);
    } else {
#pragma unroll
      for (int i = 0; i < each; ++i) out[k * row + i] = y[i];
    }
  }
  if (!__any_sync(0xffffffffu, is_at_end)) return;
  before = op.combine(before, slice);
  const accumulator up_to = detail::scan_lanes(op, at_end), below = shuffle_up(up_to, 1);
  if (p.what == kind::inclusive) {
    before = op.combine(before, up_to);
  } else if (lane > 0) {
    before = op.combine(before, below);
  }
  if (is_at_end) p.out[begin + whole + lane] = op.finish(before);
}

struct tuned {
  static constexpr rung_info info{8, "tuned", "two kernels while L2 helps, rounds beyond"};
  template <class T, class Op>
  using tuning = two_kernels_tuning<T, Op>;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    if (!takes_rounds(p) &&
        divide<tuning<T, Op>>(p).tiles > std::numeric_limits<std::int32_t>::max())
      return {"more tiles than the 2^31 - 1 blocks of a grid"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return takes_rounds(p) ? rounds::workspace_bytes(p) : workspace_bytes_tuned<tuning<T, Op>>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream, workspace_view scratch) {
    return takes_rounds(p) ? rounds::launch(p, stream, scratch)
                           : launch_tuned<tuning<T, Op>>(p, stream, scratch);
  }

  /// The two kernels, for any length, with a tuning of the caller's choice.
  template <class Tuning, class T, class Op>
  static std::size_t workspace_bytes_tuned(const problem<T, Op>& p) {
    return std::size_t(sums_of_tiles<Tuning>(p)) * sizeof(typename Op::accumulator);
  }

  template <class Tuning, class T, class Op>
  static cudaError_t launch_tuned(const problem<T, Op>& p, cudaStream_t stream,
                                  workspace_view scratch) {
    if (lacks(scratch, workspace_bytes_tuned<Tuning>(p))) return cudaErrorInvalidValue;
    if (p.n == 0) return cudaSuccess;
    auto* const sums = static_cast<typename Op::accumulator*>(scratch.data);
    if constexpr (detail::warp_tile<T, Op, 1>::vector > 1) {
      constexpr std::size_t each = detail::warp_tile<T, Op, 1>::vector;
      if (reinterpret_cast<std::uintptr_t>(p.in) % (each * sizeof(T)) != 0 ||
          reinterpret_cast<std::uintptr_t>(p.out) % (each * sizeof(typename Op::result)) != 0)
        return launch_kernels<false, Tuning>(p, stream, sums);
    }
    return launch_kernels<true, Tuning>(p, stream, sums);
  }

 private:
  static constexpr std::int64_t two_kernels_bytes = 8 << 20;  ///< what they are for, if 07 can run

  /// How an array is divided into tiles of threads * vectors vectors.
  struct tiling {
    int vectors, threads;
    std::int64_t tiles;
    bool scans_sums;  ///< they are too many for every block to read
  };

  template <class T, class Op>
  static bool takes_rounds(const problem<T, Op>& p) {
    if (p.n <= two_kernels_bytes / std::int64_t{sizeof(T)}) return false;
    int device = 0, major = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) ==
               cudaSuccess &&
           major >= 9 && rounds::fits(p);
  }

  template <class Tuning, class T, class Op>
  static tiling divide(const problem<T, Op>& p) {
    constexpr int few = Tuning::few_vectors, many = Tuning::many_vectors;
    const std::int64_t vectors = ceil_div<std::int64_t>(p.n, detail::warp_tile<T, Op, 1>::vector);
    tiling made{.vectors = few, .threads = 32, .tiles = 1, .scans_sums = false};
    if (vectors <= std::min(Tuning::vectors_alone, Tuning::max_threads * many)) {
      if (vectors > Tuning::max_threads * few) made.vectors = many;
      const int threads = round_up(ceil_div(int(vectors), made.vectors), 32);
      made.threads = std::max(32, threads);
      return made;
    }
    if (p.n > Tuning::few_bytes / std::int64_t{sizeof(T)}) made.vectors = many;
    const std::int64_t threads = ceil_div<std::int64_t>(vectors, made.vectors);
    while (made.threads < Tuning::max_tile_threads &&
           std::int64_t{Tuning::tiles_per_thread} * made.threads * made.threads < threads)
      made.threads *= 2;
    made.tiles = ceil_div<std::int64_t>(threads, made.threads);
    made.scans_sums = made.tiles - 1 > Tuning::sums_per_thread * made.threads;
    return made;
  }

  /// The problem of the sums, in place, and how many places they take: it too is one of whole
  /// vectors.
  static std::int64_t align_level(std::int64_t count) { return round_up<std::int64_t>(count, 16); }
  template <class Op>
  static auto level_above(typename Op::accumulator* sums, std::int64_t count, const Op& op) {
    auto above = detail::before_parts(count, sums, op, op.identity());
    above.what = kind::inclusive;
    return above;
  }

  template <class Tuning, class T, class Op>
  static std::int64_t sums_of_tiles(const problem<T, Op>& p) {
    const tiling how = divide<Tuning>(p);
    if (how.tiles <= 1) return 0;
    const std::int64_t count = how.tiles - 1;
    if (!how.scans_sums) return count;
    typename Op::accumulator* const sums = nullptr;
    return align_level(count) + sums_of_tiles<Tuning>(level_above(sums, count, p.op));
  }

  template <bool AreAligned, class Tuning, class T, class Op>
  static cudaError_t launch_kernels(const problem<T, Op>& p, cudaStream_t stream,
                                    typename Op::accumulator* sums) {
    constexpr int few = Tuning::few_vectors, many = Tuning::many_vectors;
    const tiling how = divide<Tuning>(p);
    const std::int64_t count = how.tiles - 1;
    const bool is_few = how.vectors == few;
    warpladder::launch_config config{.grid = dim3(unsigned(count)),
                                     .block = dim3(how.threads),
                                     .stream = stream,
                                     .overlaps_kernel_before = true};
    if (count > 0) {
      const auto kernel = is_few ? sum_tiles_kernel<few, AreAligned, T, Op, Tuning>
                                 : sum_tiles_kernel<many, AreAligned, T, Op, Tuning>;
      const cudaError_t status = warpladder::launch_kernel(kernel, config, sums, p);
      if (status != cudaSuccess) return status;
    }
    if (how.scans_sums) {
      const cudaError_t status = launch_kernels<true, Tuning>(level_above(sums, count, p.op),
                                                              stream, sums + align_level(count));
      if (status != cudaSuccess) return status;
    }
    config.grid = dim3(unsigned(how.tiles));
    const auto kernel = is_few ? scan_tiles_kernel<few, AreAligned, T, Op, Tuning>
                               : scan_tiles_kernel<many, AreAligned, T, Op, Tuning>;
    return warpladder::launch_kernel(kernel, config, sums, p, how.scans_sums);
  }
};

}  // namespace warpladder::scan
