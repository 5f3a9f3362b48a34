// SPDX-License-Identifier: Apache-2.0
//
// 07 loads_in_flight. Before: blocks came and went with two loads of an element per thread, and
// half a million of them (2^28 elements in tiles of 512) left half a million partials.
//
// Idea: keep device memory busy. As many blocks as stay resident walk over the whole array, each
// thread from one vector of 16 bytes to its next, and start 4 loads before they combine the first.
// The vectors cover what lies between the first and the last address that is a multiple of 16; the
// elements around them, at most 6 floats, are taken one by one, so that any alignment is legal.
// Traffic: 264 partials on an H100, whatever n is; a second kernel of one block reads them, one
// load per thread. By Little's law 3.35 TB/s at 600 ns need 2 MB in flight, 15 KB on each of 132
// multiprocessors; 1024 threads with 4 vectors have 64 KB. A quarter as many requests. A vector of
// floats takes about 15 instructions, 4 of them additions; at 14.5 bytes per clock a multiprocessor
// could issue 128 * 16 / 14.5 = 141.
// Limited by: device memory, once n is large. At 2^20 elements, 4 MiB or 1.3 us of device memory,
// by two launches one after the other -> 08 two_kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <warpladder/core/device.hpp>
#include <warpladder/reduce/06_warp_reduce.cuh>
#include <warpladder/reduce/detail/partials.cuh>

namespace warpladder::reduce {

struct loads_in_flight_tuning {
  static constexpr int threads = 512, blocks_per_sm = 2;
  static constexpr int loads = 4;  ///< vectors that a thread has in flight
};

namespace detail {

/// The vectors of 16 aligned bytes in an array; none if no element begins at such an address.
template <class T>
struct aligned_middle {
  static constexpr int width = 16 % sizeof(T) == 0 ? 16 / int{sizeof(T)} : 1;  ///< of a vector
  std::int64_t begin = 0;                                                      ///< an element
  std::int64_t vectors = 0;

  __device__ aligned_middle(const T* in, std::int64_t n) {
    if constexpr (16 % sizeof(T) == 0) {
      const unsigned bytes = unsigned(-reinterpret_cast<std::uintptr_t>(in)) % 16;
      if (bytes % sizeof(T) != 0 || std::int64_t(bytes / sizeof(T)) >= n) return;
      begin = bytes / sizeof(T);
      vectors = (n - begin) / width;
    }
  }
};

/// What one thread of a grid of blocks of Tuning::threads combines of the whole array.
template <class Tuning, class T, class Op>
__device__ __forceinline__ typename Op::accumulator combine_share(const problem<T, Op>& p) {
  static_assert(Op::inputs == 1, "this rung reads one array");
  constexpr int loads = Tuning::loads, width = aligned_middle<T>::width;
  const aligned_middle<T> middle(p.in, p.n);
  const std::int64_t thread = std::int64_t{blockIdx.x} * Tuning::threads + threadIdx.x;
  const std::int64_t threads = std::int64_t{gridDim.x} * Tuning::threads;
  auto total = p.op.identity();

  if constexpr (16 % sizeof(T) == 0) {
    const auto* const vectors = reinterpret_cast<const uint4*>(p.in + middle.begin);
    for (std::int64_t first = thread; first < middle.vectors; first += loads * threads) {
      uint4 moved[loads];
#pragma unroll
      for (int k = 0; k < loads; ++k) {
        const std::int64_t at = first + k * threads;
        if (at < middle.vectors) moved[k] = vectors[at];
      }
#pragma unroll
      for (int k = 0; k < loads; ++k) {
        const std::int64_t at = first + k * threads;
        if (at >= middle.vectors) continue;
        T element[width];
        memcpy(static_cast<void*>(element), &moved[k], sizeof(element));
#pragma unroll
        for (int i = 0; i < width; ++i)
          total = p.op.combine(total, p.op.lift(element[i], middle.begin + at * width + i));
      }
    }
  }

  const std::int64_t in_vectors = middle.vectors * width;
#pragma unroll 1  // to unroll what runs once or never takes a division to count the iterations
  for (std::int64_t i = thread; i < p.n - in_vectors; i += threads) {
    const std::int64_t at = i < middle.begin ? i : i + in_vectors;
    total = p.op.combine(total, p.op.lift(p.in[at], at));
  }
  return total;
}

/// The combination of one partial per block, in one order; for warp 0 of a block.
template <int Threads, class Op>
__device__ __forceinline__ typename Op::accumulator combine_partials(
    const Op& op, const typename Op::accumulator* partials, int count) {
  auto total = op.identity();
#pragma unroll 1  // as above
  for (int i = threadIdx.x; i < count; i += Threads)
    total = op.combine(total, load_from_l2(&partials[i]));
  return reduce_block<Threads>(op, total);
}

/// Blocks that are resident at once, but no more than have a vector for every thread.
template <class Tuning, class T, class Op>
cudaError_t choose_blocks(const problem<T, Op>& p, int& blocks) {
  device_facts device;
  if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
  const std::int64_t useful =
      ceil_div<std::int64_t>(p.n, Tuning::threads * aligned_middle<T>::width);
  const std::int64_t resident = std::int64_t{device.multiprocessors} * Tuning::blocks_per_sm;
  blocks = int(std::clamp<std::int64_t>(useful, 1, resident));
  return cudaSuccess;
}

/// Scratch for one partial per block. One block alone needs none: it writes the result.
template <class Tuning, class T, class Op>
std::size_t workspace_of_partials(const problem<T, Op>& p) {
  int blocks = 0;
  if (choose_blocks<Tuning>(p, blocks) != cudaSuccess || blocks == 1) return 0;
  return blocks * sizeof(typename Op::accumulator);
}

}  // namespace detail

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads, Tuning::blocks_per_sm)
    loads_in_flight_kernel(problem<T, Op> p, typename Op::accumulator* partials) {
  const auto share = detail::combine_share<Tuning>(p);
  const auto total = detail::reduce_block<Tuning::threads>(p.op, share);
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    partials[blockIdx.x] = total;
  } else {
    *p.out = p.op.finish(total);
  }
}

template <class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    combine_partials_kernel(Op op, const typename Op::accumulator* partials, int count,
                            typename Op::result* out) {
  const auto total = detail::combine_partials<Tuning::threads>(op, partials, count);
  if (threadIdx.x == 0) *out = op.finish(total);
}

struct loads_in_flight {
  static constexpr rung_info info{7, "loads_in_flight",
                                  "resident blocks, 4 vectors in flight per thread"};
  using tuning = loads_in_flight_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    return {};
  }

  template <class T, class Op>
  static std::size_t workspace_bytes(const problem<T, Op>& p) {
    return detail::workspace_of_partials<tuning>(p);
  }

  template <class T, class Op>
  static cudaError_t launch(const problem<T, Op>& p, cudaStream_t stream,
                            workspace_view workspace) {
    int blocks = 0;
    cudaError_t status = detail::choose_blocks<tuning>(p, blocks);
    if (status != cudaSuccess) return status;
    if (lacks(workspace, workspace_bytes(p))) return cudaErrorInvalidValue;
    auto* const partials = static_cast<typename Op::accumulator*>(workspace.data);
    const dim3 block(tuning::threads);
    status = warpladder::launch_kernel(
        loads_in_flight_kernel<T, Op, tuning>,
        {.grid = dim3(unsigned(blocks)), .block = block, .stream = stream}, p, partials);
    if (blocks == 1 || status != cudaSuccess) return status;
    return warpladder::launch_kernel(combine_partials_kernel<Op, tuning>,
                                     {.grid = dim3(1), .block = block, .stream = stream}, p.op,
                                     partials, blocks, p.out);
  }
};

}  // namespace warpladder::reduce
