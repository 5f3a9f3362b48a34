// SPDX-License-Identifier: Apache-2.0
//
// 03 many_threads. Before: one core copied, at a fifth of the link's speed.
//
// Idea: several threads. Each takes the next piece of the copy from a common counter and moves it
// through two chunks of its own, so nobody waits for a chunk of another.
// Traffic: on the host's memory, per byte to the device, one read of the source, one read and one
// write of the chunk (a line is read before it is written) and the engine's read: at 55 GB/s of
// PCIe 5, 220 GB/s of a server's 300 and more. A chunk that stays in a cache saves two of the four.
// Limited by: 6 threads of 10 GB/s would do; with what they lose waiting, 8. They are started in
// every call: 16 threads at 20 to 50 us are the time in which PCIe moves 16 to 40 MiB.
#pragma once

#include <warpladder/core/capture.hpp>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer/detail/pieces.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct many_threads {
  static constexpr rung_info info{3, "many_threads", "several threads, two chunks each"};

  static support supports(const staged_problem& p) {
    return detail::has_chunks(p, 2 * std::size_t{p.threads});
  }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    return detail::stage_with_threads(p, stream, stores::cached);
  }
};

}  // namespace warpladder::transfer
