// SPDX-License-Identifier: Apache-2.0
//
// 01 one_chunk. Before: the runtime staged, and how was its secret.
//
// Idea: do the same with a page-locked chunk of our own, one step after the other: copy a chunk's
// worth into it, have the engine fetch it, wait, go on. From the device the other way round.
// Traffic: as before.
// Limited by: the sum of the two times. With 10 GB/s of one thread and 55 GB/s of PCIe 5, 100 ns
// and 18 ns per 1000 bytes: 8.5 GB/s. Per chunk come about 10 us of submission and waiting, which
// are 2% of the 470 us of 4 MiB, and half of the time of 64 KiB.
#pragma once

#include <algorithm>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/pieces.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct one_chunk {
  static constexpr rung_info info{1, "one_chunk", "stage, copy, wait: one after the other"};

  static support supports(const staged_problem& p) { return detail::has_chunks(p, 1); }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
    std::byte* const chunk = p.lent.memory;
    cudaError_t status = detail::wait_for(p.lent.copied[0], detail::usual_patience);
    for (std::size_t at = 0; at < p.bytes && status == cudaSuccess; at += p.lent.chunk_bytes) {
      auto* const to = static_cast<std::byte*>(p.to) + at;
      const auto* const from = static_cast<const std::byte*>(p.from) + at;
      const std::size_t bytes = std::min(p.lent.chunk_bytes, p.bytes - at);
      if (p.way == direction::to_device) {
        std::memcpy(chunk, from, bytes);
        status = cudaMemcpyAsync(to, chunk, bytes, cudaMemcpyHostToDevice, stream);
        if (status == cudaSuccess) status = cudaStreamSynchronize(stream);
      } else {
        status = cudaMemcpyAsync(chunk, from, bytes, cudaMemcpyDeviceToHost, stream);
        if (status == cudaSuccess) status = cudaStreamSynchronize(stream);
        if (status == cudaSuccess) std::memcpy(to, chunk, bytes);
      }
    }
    return status;
  }
};

}  // namespace warpladder::transfer
