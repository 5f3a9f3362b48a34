// SPDX-License-Identifier: Apache-2.0
//
// 16 bulk_copy. Before: every 512 bytes took a request of a warp in each direction, registers for
// what is in flight, and threads to hold them.
//
// Idea: let the copy engine do it (cp.async.bulk, compute capability 9.0). A block is one thread,
// which owns a ring of pieces in shared memory: it asks for a piece, waits until the engine has
// counted its bytes, and asks for it to be written. PTX ISA, "Asynchronous copy: Bulk copy".
// Traffic: one request per 8 KiB and direction instead of 16; no register holds data. A block has
// 2 to 3 pieces of its 4 in flight towards shared memory, 6 blocks 98 to 147 KB per multiprocessor,
// against the 13.6 KB of 15 loads_in_flight. Shared memory passes every byte twice: 2 * 5.7 bytes
// per clock of the 128 it could.
// Limited by: the one thread, which waits for a store to be read before it asks for more: 5% behind
// 15. Gained are registers, threads and issue slots. Short rows travel in requests of their size.
#pragma once

#include <algorithm>
#include <warpladder/core/bulk_copy.cuh>
#include <warpladder/core/device.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/shared_memory.cuh>
#include <warpladder/memory/detail/dense.hpp>
#include <warpladder/memory/detail/vector.cuh>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory {

struct bulk_copy_tuning {
  static constexpr int piece_bytes = 8192, stages = 4, blocks_per_sm = 6;
  static_assert(stages >= 3, "one piece is written while others arrive");
};

template <class T, class Tuning>
__global__ void __launch_bounds__(1) bulk_copy_kernel(copy_problem<T> p, std::int64_t pieces) {
  constexpr int stages = Tuning::stages, piece_cols = Tuning::piece_bytes / int{sizeof(T)};
  __shared__ transaction_barrier landed[stages];
  T* const ring = dynamic_shared<T>();
  const std::int64_t across = ceil_div<std::int64_t>(p.cols, piece_cols);
  bulk_stores stores;

  // The i-th piece of this block.
  const std::int64_t mine = (pieces - blockIdx.x - 1) / gridDim.x + 1;
  const auto move_piece = [&](std::int64_t i, const auto& move) {
    const std::int64_t piece = blockIdx.x + i * gridDim.x;
    const std::int64_t row = piece / across, col = piece % across * piece_cols;
    const std::int64_t left = p.cols - col;
    const int slot = int(i % stages);
    move(row, col, unsigned((left < piece_cols ? left : piece_cols) * sizeof(T)), slot,
         ring + slot * piece_cols);
  };
  const auto request = [&](std::int64_t row, std::int64_t col, unsigned bytes, int slot,
                           T* shared) {
    landed[slot].arrive_and_expect(bytes);
    bulk_copy_to_shared(shared, &p.in[row * p.ld_in + col], bytes, landed[slot]);
  };
  const auto write = [&](std::int64_t row, std::int64_t col, unsigned bytes, int, T* shared) {
    stores.start(&p.out[row * p.ld_out + col], shared, bytes);
    stores.commit();
  };

  for (int slot = 0; slot < stages; ++slot) landed[slot].init();
  for (int i = 0; i < stages && i < mine; ++i) move_piece(i, request);
  for (std::int64_t i = 0; i < mine; ++i) {
    landed[i % stages].wait(unsigned(i / stages % 2));
    move_piece(i, write);
    stores.wait_until_read<1>();  // all but this piece: the slot of the one before is free
    if (i > 0 && i - 1 + stages < mine) move_piece(i - 1 + stages, request);
  }
  stores.wait_until_read<0>();
}

struct bulk_copy {
  static constexpr rung_info info{16, "bulk_copy", "the copy engine reads and writes", 90};
  using tuning = bulk_copy_tuning;

  template <class T>
  static support supports(const copy_problem<T>& p) {
    return detail::moves_whole_vectors(p);
  }

  template <class T>
  static std::size_t workspace_bytes(const copy_problem<T>&) {
    return 0;
  }

  template <class T>
  static cudaError_t launch(const copy_problem<T>& p, cudaStream_t stream, workspace_view) {
    if (p.is_empty()) return cudaSuccess;
    device_facts device;
    if (const cudaError_t status = query_device(device); status != cudaSuccess) return status;
    const copy_problem<T> flat = detail::flattened(p);
    const std::int64_t pieces =
        flat.rows * ceil_div<std::int64_t>(flat.cols, tuning::piece_bytes / sizeof(T));
    const dim3 grid(std::min<std::int64_t>(
        pieces, std::int64_t{device.multiprocessors} * tuning::blocks_per_sm));
    return warpladder::launch_kernel(bulk_copy_kernel<T, tuning>,
                                     {.grid = grid,
                                      .block = dim3(1),
                                      .shared_bytes = tuning::stages * tuning::piece_bytes,
                                      .stream = stream},
                                     flat, pieces);
  }
};

}  // namespace warpladder::memory
