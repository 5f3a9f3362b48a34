// SPDX-License-Identifier: Apache-2.0
//
// 13 bulk_pipeline. Before: what is in flight sits in registers, so that a thread that combines has
// nothing in flight, and 16 bytes took a thread's instruction.
//
// Idea: let the copy engine keep the flow up (cp.async.bulk, compute capability 9.0). Every warp
// owns a ring of pieces in shared memory; one lane asks for a piece as soon as its slot is free,
// the warp combines the oldest while the others arrive. Warps wait for nobody but the engine: no
// barrier of the block inside the loop. PTX ISA, "Asynchronous copy: Bulk copy".
// Traffic: one request per 4 KiB instead of 8 of a warp; 8 warps with 3 to 4 pieces of 4 KiB have
// 96 to 128 KiB in flight per multiprocessor, all the time. Shared memory passes every byte twice:
// at 3.2 TB/s, 2 * 13.8 bytes per clock of the 128 it could.
// Limited by: device memory, like 07, whose loads were many enough: nothing is left to gain here by
// more bytes in flight -> 14 changes their order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/reduce/07_loads_in_flight.cuh>

namespace warpladder::reduce {

struct bulk_pipeline_tuning {
  static constexpr int threads = 256, blocks_per_sm = 1;
  static constexpr int warps = threads / 32;
  static constexpr int piece_bytes = 4096, stages = 4;
};

template <class T, class Op, class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    bulk_pipeline_kernel(problem<T, Op> p, typename Op::accumulator* partials) {
  constexpr int stages = Tuning::stages, size = Tuning::piece_bytes / int{sizeof(T)};
  constexpr int width = detail::aligned_middle<T>::width;  // of a vector of 16 bytes
  __shared__ transaction_barrier landed[Tuning::warps][stages];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  T* const ring = dynamic_shared<T>() + warp * stages * size;
  if (lane == 0) {
    for (int slot = 0; slot < stages; ++slot) landed[warp][slot].init();
  }
  __syncwarp();

  const detail::aligned_middle<T> middle(p.in, p.n);
  const std::int64_t pieces = middle.vectors * width / size;
  const std::int64_t first = std::int64_t{blockIdx.x} * Tuning::warps + warp;
  const std::int64_t step = std::int64_t{gridDim.x} * Tuning::warps;
  const auto request = [&](std::int64_t piece, int slot) {
    if (lane != 0 || piece >= pieces) return;
    landed[warp][slot].arrive_and_expect(Tuning::piece_bytes);
    bulk_copy_to_shared(ring + slot * size, p.in + middle.begin + piece * size, Tuning::piece_bytes,
                        landed[warp][slot]);
  };

  auto total = p.op.identity();
  for (int slot = 0; slot < stages; ++slot) request(first + slot * step, slot);
  int slot = 0;
  unsigned parity = 0;
  for (std::int64_t piece = first; piece < pieces; piece += step) {
    landed[warp][slot].wait(parity);
#pragma unroll
    for (int k = 0; k < size; k += 32 * width) {
      const int at = k + lane * width;
      const uint4 moved = *reinterpret_cast<const uint4*>(ring + slot * size + at);
      T element[width];
      memcpy(element, &moved, sizeof(element));
#pragma unroll
      for (int e = 0; e < width; ++e) {
        const std::int64_t index = middle.begin + piece * size + at + e;
        total = p.op.combine(total, p.op.lift(element[e], index));
      }
    }
    __syncwarp();  // all lanes have read the slot before it is filled again
    request(piece + stages * step, slot);
    if (++slot == stages) {
      slot = 0;
      parity ^= 1;
    }
  }

  // The elements before the first piece and behind the last.
  const std::int64_t in_pieces = pieces * size;
  const std::int64_t threads = std::int64_t{gridDim.x} * Tuning::threads;
#pragma unroll 1
  for (std::int64_t i = std::int64_t{blockIdx.x} * Tuning::threads + threadIdx.x;
       i < p.n - in_pieces; i += threads) {
    const std::int64_t at = i < middle.begin ? i : i + in_pieces;
    total = p.op.combine(total, p.op.lift(p.in[at], at));
  }
  total = detail::reduce_block<Tuning::threads>(p.op, total);
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    partials[blockIdx.x] = total;
  } else {
    *p.out = p.op.finish(total);
  }
}

struct bulk_pipeline {
  static constexpr rung_info info{13, "bulk_pipeline", "the copy engine keeps rings of pieces full",
                                  90};
  using tuning = bulk_pipeline_tuning;

  template <class T, class Op>
  static support supports(const problem<T, Op>&) {
    if (16 % sizeof(T) != 0) return {"elements do not fill 16 bytes, the engine's unit"};
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
        bulk_pipeline_kernel<T, Op, tuning>,
        {.grid = dim3(unsigned(blocks)),
         .block = block,
         .shared_bytes = tuning::warps * tuning::stages * std::size_t{tuning::piece_bytes},
         .stream = stream},
        p, partials);
    if (blocks == 1 || status != cudaSuccess) return status;
    return warpladder::launch_kernel(combine_partials_kernel<Op, tuning>,
                                     {.grid = dim3(1), .block = block, .stream = stream}, p.op,
                                     partials, blocks, p.out);
  }
};

}  // namespace warpladder::reduce
