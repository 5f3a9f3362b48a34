// SPDX-License-Identifier: Apache-2.0
//
// 05 standing_threads. Before: every call started its threads, each of which submitted copies and
// asked for events of its own, so that they queued for the driver's lock: at 16 MiB 16 threads were
// slower than 4.
//
// Idea: threads that stay, and one that talks to the driver. The caller conducts: it opens chunks
// of the ring, submits each as soon as it is full, and copies pieces in between; the others only
// copy. They sleep between copies and wake each other, the caller two of them, each of those two
// more; who wakes up too late is not waited for. A small copy takes four threads, which write past
// the caches, and small chunks, so that the pipeline fills; a large one takes all.
// Traffic: as before. This is the front door, warpladder::transfer::copier.
// Limited by: PCIe for large copies: 8 chunks of 4 MiB hide what the host does between them. Below
// 2 MiB, by waking: some 10 us per generation of threads on an idle host and more on a busy one,
// the time of 100 KiB of one thread. There the runtime copies.
#pragma once

#include <new>
#include <stdexcept>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct standing_threads {
  static constexpr rung_info info{5, "standing_threads",
                                  "threads that stay, one talks to the driver"};

  static support supports(const staged_problem& p) {
    if (p.copier == nullptr) return {"no copier was lent"};
    return {};
  }
  static std::size_t workspace_bytes(const staged_problem&) { return 0; }

  static cudaError_t launch(const staged_problem& p, cudaStream_t stream, workspace_view) {
    try {
      const outcome ended = p.way == direction::to_device
                                ? p.copier->to_device(p.to, p.from, p.bytes, stream)
                                : p.copier->to_host(p.to, p.from, p.bytes, stream);
      return ended.bytes == p.bytes ? cudaSuccess : cudaErrorUnknown;
    } catch (const cuda_error& error) {
      return error.code();
    } catch (const std::invalid_argument&) {
      return cudaErrorInvalidValue;
    }
  }
};

}  // namespace warpladder::transfer
