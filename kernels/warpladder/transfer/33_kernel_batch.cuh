// SPDX-License-Identifier: Apache-2.0
//
// 33 kernel_batch. Before: the host touched every byte, and scratch memory was needed.
//
// Idea: a kernel does the copies where the pieces lie, a block for each. The table travels in the
// kernel's parameters, of which there are 4 KiB: 128 pieces per launch.
// Traffic: over PCIe the bytes, by a warp's 512 at a time, and nothing else.
// Limited by: for pieces of a few KiB, PCIe with a kernel's smaller packets, as 11 kernel_copy; for
// less, a launch per 128 of them, about 2 us: 16 ns each instead of 2 us.
//
// Both directions, asynchronous, and legal under capture.
#pragma once

#include <algorithm>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/copy_together.cuh>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct kernel_batch_tuning {
  static constexpr int threads = 128, loads = 2;
  static constexpr int pieces = 128;  ///< per launch
};

template <class Tuning>
struct piece_table {
  struct {
    unsigned char* to;
    const unsigned char* from;
    std::size_t bytes;
  } pieces[Tuning::pieces];
  static_assert(sizeof pieces <= 4096, "the parameters of a kernel have 4 KiB");
};

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) kernel_batch_kernel(piece_table<Tuning> table) {
  const auto& mine = table.pieces[blockIdx.x];
  detail::copy_together<Tuning::loads>(mine.to, mine.from, mine.bytes, threadIdx.x,
                                       Tuning::threads);
}

struct kernel_batch {
  static constexpr rung_info info{33, "kernel_batch", "a block per copy, 128 in a launch"};
  using tuning = kernel_batch_tuning;

  static support supports(const batch_problem&) { return {}; }
  static std::size_t workspace_bytes(const batch_problem&) { return 0; }

  static cudaError_t launch(const batch_problem& p, cudaStream_t stream, workspace_view) {
    for (std::size_t first = 0; first < p.count; first += tuning::pieces) {
      const std::size_t count = std::min<std::size_t>(p.count - first, tuning::pieces);
      piece_table<tuning> table{};
      for (std::size_t i = 0; i < count; ++i) {
        table.pieces[i] = {static_cast<unsigned char*>(p.to[first + i]),
                           static_cast<const unsigned char*>(p.from[first + i]),
                           p.bytes[first + i]};
      }
      const cudaError_t status = warpladder::launch_kernel(
          kernel_batch_kernel<tuning>,
          {.grid = dim3(unsigned(count)), .block = dim3(tuning::threads), .stream = stream}, table);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
};

}  // namespace warpladder::transfer
