// SPDX-License-Identifier: Apache-2.0
//
// 04 streaming_stores. Before: a store reads its line into the cache first, to have the rest of it,
// and the line pushes out another that somebody may still need.
//
// Idea: store past the caches (non-temporal). The CPU does not read again what it stages.
// Traffic: on the host's memory 3 instead of 4 bytes per byte: nothing is read before it is
// written. At 55 GB/s, 165 instead of 220 GB/s.
// Limited by: PCIe where memory was the limit before. Where chunks stay in the cache, nothing is
// won: the engine reads the cache faster than memory, and a line that is streamed has left it. And
// glibc's memcpy streams by itself above a size of its own, about the share of a core in the last
// cache.
#pragma once

#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/pieces.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct streaming_stores {
  static constexpr rung_info info{4, "streaming_stores", "stores that pass the caches by"};

  static support supports(const staged_problem& p) {
    return detail::has_chunks(p, 2 * std::size_t{p.threads});
  }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    return detail::stage_with_threads(p, stream, stores::streaming);
  }
};

}  // namespace warpladder::transfer
