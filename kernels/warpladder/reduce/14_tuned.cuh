// SPDX-License-Identifier: Apache-2.0
//
// 14 tuned. Before: every block kept a running total, so that blocks walked through the array each
// at its own pace, and which elements were added first depended on the number of blocks.
//
// Idea: one tile per block, and no loop. The hardware starts blocks in the order of their numbers
// as others end: whatever is in flight lies in one narrow window that moves through the array, so
// that pages of device memory are opened once, and no multiprocessor waits at the end for one that
// had bad luck. A tile's partial result has a place of its own, and a second kernel combines them
// in the order of the tiles: the bits of the result depend on n and on the alignment of `in` alone,
// not on the GPU.
//   * Threads per tile t: half as many as there are tiles, so that both kernels have little to do;
//     at most 1024, two blocks of which fill a multiprocessor (512 if they need more registers).
//   * Up to 64 KiB one block does it all, without a workspace.
//   * Both kernels are set up while the one before still runs (core/dependent_launch.cuh).
//   * The first 32 MiB are read as if they were needed again, the rest as streaming (evict first):
//     it cannot stay in L2 anyway, and would drive out what can. Whoever reads the array next finds
//     its beginning there.
// Traffic: every element once, 4 vectors per thread in flight: 2048 * 64 bytes = 128 KiB on every
// multiprocessor. Little's law asks for 3.2 TB/s * 0.8 us / 132 = 19 KB; a partial of 4 bytes per
// 64 KiB is written and read once more.
// Limited by: device memory; below 2^22 elements by the latency of two dependent kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <warpladder/core/dependent_launch.cuh>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/warp_shuffle.cuh>
#include <warpladder/reduce/problem.hpp>

namespace warpladder::reduce {

namespace detail {

/// Threads that a multiprocessor holds, of the device that this is compiled for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr int threads_per_sm = 1024;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ != 800 && \
    (__CUDA_ARCH__ < 900 || __CUDA_ARCH__ >= 1100)
inline constexpr int threads_per_sm = 1536;
#else
inline constexpr int threads_per_sm = 2048;
#endif

}  // namespace detail

template <class Op>
struct tuned_tuning {
  static constexpr int accumulator_bytes = sizeof(typename Op::accumulator);
  /// Vectors of 16 bytes that a thread has in flight, of all arrays: two up to 8 MiB, which are
  /// then spread over more threads, else four.
  static constexpr int few_vectors = 2, many_vectors = 4;
  static constexpr std::int64_t few_bytes = 8 << 20;
  /// 2048 threads leave 32 registers to each: too few for wide accumulators, or 8 at a time.
  static constexpr bool fits_32_registers =
      accumulator_bytes <= 8 && sizeof(typename Op::input) >= 4;
  static constexpr int max_threads = fits_32_registers ? 1024 : 512;
  /// As many as fit, of 2 or 3 that are wanted: what the compiler divides the registers by.
  static constexpr int wanted_blocks = accumulator_bytes <= 8 ? 2 : 3;
  static constexpr int fitting_blocks = std::max(1, detail::threads_per_sm / max_threads);
  static constexpr int blocks_per_sm = std::min(wanted_blocks, fitting_blocks);
  static constexpr std::int64_t kept_bytes = 32 << 20;  ///< of the array in L2; an H100's has 50 MB

  /// The one block of the second kernel: a thread has 64 bytes in flight.
  static constexpr int last_threads = 1024;
  static constexpr int partials_at_once = 16 % accumulator_bytes == 0 ? 16 / accumulator_bytes : 1;
  static constexpr int loads_of_partials = 4;
};

namespace detail {

/// How an array is divided: `head` elements up to the first 16-byte boundary, tiles of vectors, and
/// a rest of less than a vector.
struct tiling {
  int head = 0;
  int vectors = 0, threads = 0;  ///< of a tile: vectors per thread, of all arrays
  std::int64_t tiles = 0;
};

/// Elements that are loaded at a time: 16 bytes of them, where their type allows.
template <class T>
inline constexpr int vector_size = 16 % sizeof(T) == 0 && alignof(T) == sizeof(T)
                                       ? 16 / int{sizeof(T)}
                                       : 1;

/// A vector as it is loaded. It is taken apart only when it is used: to take it apart at once would
/// make the next load wait for this one.
template <class T, int Size>
using packed = std::conditional_t<Size * sizeof(T) == 16, uint4, T>;

template <class T, int Size>
__device__ __forceinline__ packed<T, Size> load_packed(const T* from, bool streams) {
  const auto* const address = reinterpret_cast<const packed<T, Size>*>(from);
  if constexpr (Size * sizeof(T) == 16) return streams ? __ldcs(address) : *address;
  return *address;
}

/// The combination of one vector (of two arrays, if the operation has two inputs), whose first
/// element has this index: in pairs of pairs, for short chains and few registers.
template <class T, int Size, class Op>
__device__ __forceinline__ typename Op::accumulator combine_vector(
    const Op& op, const packed<T, Size>& x, [[maybe_unused]] const packed<T, Size>& y,
    std::int64_t index) {
  constexpr int group = Size < 4 ? Size : 4;
  typename Op::accumulator total = op.identity(), lifted[group];
  T of_x[Size], of_y[Size];
  memcpy(static_cast<void*>(of_x), &x, sizeof(of_x));
  if constexpr (Op::inputs == 2) memcpy(static_cast<void*>(of_y), &y, sizeof(of_y));
#pragma unroll
  for (int begin = 0; begin < Size; begin += group) {
#pragma unroll
    for (int e = 0; e < group; ++e) {
      const int at = begin + e;
      if constexpr (Op::inputs == 2) {
        lifted[e] = op.lift(of_x[at], of_y[at], index + at);
      } else {
        lifted[e] = op.lift(of_x[at], index + at);
      }
    }
#pragma unroll
    for (int apart = 1; apart < group; apart *= 2) {
#pragma unroll
      for (int e = 0; e + apart < group; e += 2 * apart)
        lifted[e] = combine_in_order(op, lifted[e], lifted[e + apart]);
    }
    total = begin == 0 ? lifted[0] : combine_in_order(op, total, lifted[0]);
  }
  return total;
}

/// The combination of all threads' values, in every thread. The block has whole warps.
template <class Op>
__device__ typename Op::accumulator combine_block(const Op& op, typename Op::accumulator value) {
  __shared__ typename Op::accumulator of_warp[32];
  const auto combine_warp = [&] {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2)
      value = op.combine(value, shuffle_xor(value, lanes));
  };
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  combine_warp();
  if (blockDim.x == 32) return value;
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  value = lane < int(blockDim.x) / 32 ? of_warp[lane] : op.identity();
  combine_warp();  // all warps: to send the others past it takes longer
  return value;
}

}  // namespace detail

// Where two kernels take 2 us, three things show that nobody would notice elsewhere. Parameters
// that are needed last stand first: beyond the first 48 bytes they lie in a line of the constant
// cache whose fetch would end every kernel. Whole and partial tiles take one path: the last block
// would fetch the instructions of another from far away, while all wait for it. And the arithmetic
// stands before the wait.

template <int Size, int Vectors, class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::max_threads, Tuning::blocks_per_sm)
    tile_kernel(typename Op::accumulator* partials, problem<T, Op> p, int head) {
  using accumulator = typename Op::accumulator;
  constexpr int per_thread = Vectors / Op::inputs;
  const int threads = blockDim.x, thread = threadIdx.x;
  const bool is_last = blockIdx.x == gridDim.x - 1;
  const std::int64_t vectors = (p.n - head) / Size;
  const std::int64_t tile = std::int64_t{blockIdx.x} * (threads * per_thread);
  const int left = is_last ? int(vectors - tile) : threads * per_thread;  // in this tile
  const std::int64_t first = head + tile * Size;                          // an element
  const T *const x = p.in + first, *const y = p.with + (Op::inputs == 2 ? first : 0);
  const bool streams = Vectors == Tuning::many_vectors &&
                       tile * Size * std::int64_t{sizeof(T)} >= Tuning::kept_bytes;
  // Less than a vector at either end of the array: an element each for some threads.
  const int at_ends = is_last ? int(p.n - vectors * Size) : 0;
  const std::int64_t at_end = thread < head ? thread : vectors * Size + thread;

  let_next_kernel_start();
  wait_for_kernels_before();
  detail::packed<T, Size> loaded_x[per_thread], loaded_y[Op::inputs == 2 ? per_thread : 1];
  if (left > 0) {
#pragma unroll
    for (int k = 0; k < per_thread; ++k) {
      // Beyond the end the last vector is loaded again, and ignored: a load under a condition would
      // be a branch, and would be waited for there.
      const int mine = k * threads + thread, at = mine < left ? mine : left - 1;
      loaded_x[k] = detail::load_packed<T, Size>(x + at * Size, streams);
      if constexpr (Op::inputs == 2)
        loaded_y[k] = detail::load_packed<T, Size>(y + at * Size, streams);
    }
  }
  accumulator total = p.op.identity(), of_end = total;
  if (thread < at_ends) {
    if constexpr (Op::inputs == 2) {
      of_end = p.op.lift(p.in[at_end], p.with[at_end], at_end);
    } else {
      of_end = p.op.lift(p.in[at_end], at_end);
    }
  }
#pragma unroll
  for (int k = 0; k < per_thread; ++k) {
    const int at = k * threads;
    if (at + thread >= left) continue;
    const accumulator of_vector = detail::combine_vector<T, Size>(
        p.op, loaded_x[k], loaded_y[Op::inputs == 2 ? k : 0], first + (at + thread) * Size);
    total = k == 0 ? of_vector : combine_in_order(p.op, total, of_vector);
  }
  if (is_last) total = p.op.combine(total, of_end);

  total = detail::combine_block(p.op, total);
  if (thread != 0) return;
  if (partials == nullptr) {
    *p.out = p.op.finish(total);
    return;
  }
  partials[blockIdx.x] = total;
  if (is_last) {  // the second kernel reads whole vectors
    for (int i = blockIdx.x + 1; i % Tuning::partials_at_once != 0; ++i)
      partials[i] = p.op.identity();
  }
}

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::last_threads)
    partials_kernel(const typename Op::accumulator* partials, int count, problem<T, Op> p) {
  using accumulator = typename Op::accumulator;
  constexpr int loads = Tuning::loads_of_partials, size = Tuning::partials_at_once;
  const int threads = blockDim.x, vectors = (count + size - 1) / size;
  accumulator total = p.op.identity();
  let_next_kernel_start();
  wait_for_kernels_before();
  for (int i = threadIdx.x; i < vectors; i += loads * threads) {
    struct alignas(size * sizeof(accumulator) == 16 ? 16 : alignof(accumulator)) vector {
      accumulator partial[size];
    } loaded[loads];
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      if (i + k * threads < vectors)
        loaded[k] = reinterpret_cast<const vector*>(partials)[i + k * threads];
    }
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      if (i + k * threads >= vectors) continue;
#pragma unroll
      for (int e = 0; e < size; ++e) total = p.op.combine(total, loaded[k].partial[e]);
    }
  }
  total = detail::combine_block(p.op, total);
  if (threadIdx.x == 0) *p.out = p.op.finish(total);
}

struct tuned {
  static constexpr rung_info info{14, "tuned", "a tile per block, in address order"};
  template <class Op>
  using tuning = tuned_tuning<Op>;

  template <class T, class Op>
  static support supports(const problem<T, Op>& p) {
    if (divide(p).tiles > max_tiles) return {"n needs more than 2^30 tiles"};
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    const std::int64_t tiles = divide(p).tiles;
    if (tiles == 1) return 0;
    return std::size_t(round_up<std::int64_t>(tiles, tuning<Op>::partials_at_once)) *
           sizeof(typename Op::accumulator);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    using accumulator = typename Op::accumulator;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    const detail::tiling tiling = divide(p);
    auto* const partials = tiling.tiles == 1 ? nullptr : static_cast<accumulator*>(workspace.data);
    const warpladder::launch_config config{.grid = dim3(unsigned(tiling.tiles)),
                                           .block = dim3(tiling.threads),
                                           .stream = stream,
                                           .overlaps_kernel_before = true};
    constexpr int size = detail::vector_size<T>;
    constexpr int few = tuning<Op>::few_vectors, many = tuning<Op>::many_vectors;
    const auto kernel = !loads_vectors(p)        ? tile_kernel<1, many, T, Op, tuning<Op>>
                        : tiling.vectors == many ? tile_kernel<size, many, T, Op, tuning<Op>>
                                                 : tile_kernel<size, few, T, Op, tuning<Op>>;
    const cudaError_t status = warpladder::launch_kernel(kernel, config, partials, p, tiling.head);
    if (tiling.tiles == 1 || status != cudaSuccess) return status;

    constexpr int partials_per_thread =
        tuning<Op>::loads_of_partials * tuning<Op>::partials_at_once;
    const std::int64_t wanted =
        round_up<std::int64_t>(ceil_div<std::int64_t>(tiling.tiles, partials_per_thread), 32);
    const dim3 threads(unsigned(std::min<std::int64_t>(wanted, tuning<Op>::last_threads)));
    return warpladder::launch_kernel(
        partials_kernel<T, Op, tuning<Op>>,
        {.grid = dim3(1), .block = threads, .stream = stream, .overlaps_kernel_before = true},
        partials, int(tiling.tiles), p);
  }

 private:
  /// Less than the 2^31 - 1 blocks of a grid, so that the second kernel can count in 32 bits.
  static constexpr std::int64_t max_tiles = 1 << 30;

  /// Two arrays can be read in vectors only if their boundaries fall on the same elements.
  template <class T, class Op>
  static bool loads_vectors(const problem<T, Op>& p) {
    return Op::inputs == 1 ||
           (reinterpret_cast<std::uintptr_t>(p.in) - reinterpret_cast<std::uintptr_t>(p.with)) %
                   16 ==
               0;
  }

  template <class T, class Op>
  static detail::tiling divide(const problem<T, Op>& p) {
    constexpr int max_threads = tuning<Op>::max_threads;
    const int size = loads_vectors(p) ? detail::vector_size<T> : 1;
    detail::tiling made{.vectors = tuning<Op>::many_vectors};
    if (size > 1) {
      const std::uintptr_t behind = reinterpret_cast<std::uintptr_t>(p.in) % 16;
      made.head = int(std::min<std::int64_t>(p.n, behind == 0 ? 0 : (16 - behind) / sizeof(T)));
    }
    const std::int64_t vectors = (p.n - made.head) / size * Op::inputs;
    if (vectors <= max_threads * tuning<Op>::many_vectors) {
      const std::int64_t threads = ceil_div<std::int64_t>(vectors, made.vectors);
      made.threads = int(std::max<std::int64_t>(32, round_up<std::int64_t>(threads, 32)));
      made.tiles = 1;
      return made;
    }
    if (size > 1 && p.n * std::int64_t{sizeof(T)} * Op::inputs <= tuning<Op>::few_bytes)
      made.vectors = tuning<Op>::few_vectors;
    const std::int64_t threads = ceil_div<std::int64_t>(vectors, made.vectors);
    made.threads = 32;
    while (made.threads < max_threads && 2 * std::int64_t{made.threads} * made.threads < threads)
      made.threads *= 2;
    made.tiles = ceil_div<std::int64_t>(threads, made.threads);
    return made;
  }
};

}  // namespace warpladder::reduce
