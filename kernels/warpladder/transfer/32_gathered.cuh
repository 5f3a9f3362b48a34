// SPDX-License-Identifier: Apache-2.0
//
// 32 gathered. Before: the engine began anew for every copy.
//
// Idea: make one copy of them. The host packs all sources and a table of destinations into one
// page-locked chunk, one copy brings it to scratch memory, and a kernel deals the pieces out, a
// block for each.
// Traffic: on the host a read and a write of all bytes by one core; over PCIe the bytes and 24 per
// piece for the table; on the device another read and write.
// Limited by: the core that packs, 10 GB/s: 1000 pieces of 4 KiB take it 0.4 ms, PCIe 75 us. The
// smaller the pieces, the more it gains: of 64 bytes they are packed in 20 us. The sources may be
// pageable, and may be reused at once.
//
// Blocks the calling thread while it packs, and refuses to be captured: a replay would not pack.
#pragma once

#include <cstdint>
#include <cstring>
#include <warpladder/core/capture.hpp>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/copy_together.cuh>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct gathered_tuning {
  static constexpr int threads = 128, loads = 2;
};

/// A piece of what was packed.
struct gathered_piece {
  unsigned char* to;
  std::size_t offset, bytes;
};

template <class Tuning>
__global__ void __launch_bounds__(Tuning::threads) deal_out_kernel(const unsigned char* packed) {
  const gathered_piece mine = reinterpret_cast<const gathered_piece*>(packed)[blockIdx.x];
  detail::copy_together<Tuning::loads>(mine.to, packed + mine.offset, mine.bytes, threadIdx.x,
                                       Tuning::threads);
}

struct gathered {
  static constexpr rung_info info{32, "gathered", "pack on the host, one copy, deal out"};
  using tuning = gathered_tuning;

  static support supports(const batch_problem& p) {
    if (p.way == direction::to_host) return {"packs on the host: for copies to the device alone"};
    if (p.count > 0x7fffffff) return {"more pieces than the 2^31 - 1 blocks of a grid"};
    if (p.lent.chunks() == 0 || p.lent.chunk_bytes < workspace_bytes(p))
      return {"the chunk that was lent is less than workspace_bytes()"};
    return {};
  }
  static std::size_t workspace_bytes(const batch_problem& p) {
    std::size_t end = p.count * sizeof(gathered_piece);
    for (std::size_t i = 0; i < p.count; ++i) end = place(p, i, end) + p.bytes[i];
    return end;
  }

  static cudaError_t launch(const batch_problem& p, cudaStream_t stream, workspace_view workspace) {
    const std::size_t bytes = workspace_bytes(p);
    if (lacks(workspace, bytes)) return cudaErrorInvalidValue;
    if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
    if (p.count == 0) return cudaSuccess;

    cudaError_t status = detail::wait_for(p.lent.copied[0], detail::usual_patience);
    if (status != cudaSuccess) return status;
    std::byte* const packed = p.lent.memory;
    std::size_t end = p.count * sizeof(gathered_piece);
    for (std::size_t i = 0; i < p.count; ++i) {
      const gathered_piece piece{static_cast<unsigned char*>(p.to[i]), place(p, i, end),
                                 p.bytes[i]};
      std::memcpy(packed + i * sizeof piece, &piece, sizeof piece);
      std::memcpy(packed + piece.offset, p.from[i], piece.bytes);
      end = piece.offset + piece.bytes;
    }
    status = cudaMemcpyAsync(workspace.data, packed, bytes, cudaMemcpyHostToDevice, stream);
    if (status == cudaSuccess) status = cudaEventRecord(p.lent.copied[0], stream);
    if (status != cudaSuccess) return status;
    return warpladder::launch_kernel(
        deal_out_kernel<tuning>,
        {.grid = dim3(unsigned(p.count)), .block = dim3(tuning::threads), .stream = stream},
        static_cast<const unsigned char*>(workspace.data));
  }

 private:
  /// Where piece `i` begins if the one before ends at `end`: as far behind 16 bytes as where it is
  /// to go, so that the kernel copies whole words.
  static std::size_t place(const batch_problem& p, std::size_t i, std::size_t end) {
    return end + (reinterpret_cast<std::uintptr_t>(p.to[i]) - end) % 16;
  }
};

}  // namespace warpladder::transfer
