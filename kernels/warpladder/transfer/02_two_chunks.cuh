// SPDX-License-Identifier: Apache-2.0
//
// 02 two_chunks. Before: while the thread copied the engine stood still, and the other way round.
//
// Idea: two chunks. One is on its way while the thread copies the other; an event behind each copy
// of the engine tells when its chunk may be used again.
// Traffic: as before.
// Limited by: the slower of the two instead of their sum, and that is the thread: 10 instead of 8.5
// GB/s. Nothing is waited for any more but that the thread is done, and a core that copies from
// memory to memory has no more than so many lines in flight: about 10 GB/s, whatever the chunk.
#pragma once

#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/pieces.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct two_chunks {
  static constexpr rung_info info{2, "two_chunks", "stage one chunk while the other travels"};

  static support supports(const staged_problem& p) { return detail::has_chunks(p, 2); }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    if (const cudaError_t refused = refuse_capture(stream); refused != cudaSuccess) return refused;
    detail::pieces all(p.way, p.to, p.from, p.bytes,
                       {.piece_bytes = p.lent.chunk_bytes, .chunks = 2});
    all.work(p.lent.part(0, 2), stream);
    return detail::finish(all, stream);
  }
};

}  // namespace warpladder::transfer
