// SPDX-License-Identifier: Apache-2.0
//
// 12 few_blocks. Before: a thread for every 64 bytes, nearly all of which wait for PCIe where other
// kernels could run.
//
// Idea: as many loads in flight as the link needs, and no more. A few blocks walk over the memory.
// Traffic: the same. Bandwidth times latency, 55 GB/s times 1.5 us, are 82 KB in flight. A block of
// 512 threads with four loads of 16 bytes has 32 KB: 3 blocks would do if all were always waiting,
// 16 leave room for starting, storing, and a link under load. So 8 to 16 of 132 multiprocessors.
// Limited by: PCIe, as before, while the others are free for other kernels.
// Where both sides lie differently to 16 bytes, words are shorter, and so are the bytes in flight.
#pragma once

#include <algorithm>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/copy_together.cuh>
#include <warpladder/transfer/detail/device_side.cuh>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct few_blocks_tuning {
  static constexpr int threads = 512, loads = 4, blocks = 16;
};

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads)
    few_blocks_kernel(unsigned char* to, const unsigned char* from, std::size_t bytes) {
  detail::copy_together<Tuning::loads>(to, from, bytes,
                                       std::size_t{blockIdx.x} * Tuning::threads + threadIdx.x,
                                       std::size_t{gridDim.x} * Tuning::threads);
}

struct few_blocks {
  static constexpr rung_info info{12, "few_blocks", "as many loads in flight as PCIe needs"};
  using tuning = few_blocks_tuning;

  static support supports(const pinned_problem&) { return {}; }
  static std::size_t workspace_bytes(const pinned_problem&) { return 0; }

  static cudaError_t launch(const pinned_problem& p, cudaStream_t stream, workspace_view) {
    if (p.bytes == 0) return cudaSuccess;
    pinned_problem mapped = p;
    if (const cudaError_t status = detail::map_host_side(mapped); status != cudaSuccess)
      return status;
    const std::size_t block_bytes = std::size_t{16} * tuning::threads * tuning::loads;
    const std::size_t blocks = p.bytes / block_bytes + 1;
    return warpladder::launch_kernel(
        few_blocks_kernel<tuning>,
        {.grid = dim3(unsigned(std::min<std::size_t>(blocks, tuning::blocks))),
         .block = dim3(tuning::threads),
         .stream = stream},
        static_cast<unsigned char*>(mapped.to), static_cast<const unsigned char*>(mapped.from),
        p.bytes);
  }
};

}  // namespace warpladder::transfer
