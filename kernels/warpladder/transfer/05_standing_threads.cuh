// SPDX-License-Identifier: Apache-2.0
//
// 05 standing_threads. Before: every call started its threads, and cut a small copy into as few
// pieces as a large one.
//
// Idea: keep them. They sleep between copies and wake each other: the caller two of them, each of
// those two more. A copy is cut into several pieces per thread, so that one of a few MiB fills the
// pipeline too; the caller begins with its own, and who wakes up too late is not waited for. One
// thread takes part for every 128 KiB, and below 64 KiB the runtime copies. This is the front door,
// warpladder::transfer::copier.
// Traffic: as before.
// Limited by: PCIe for large copies. At 2 MiB, by waking: about 10 us per generation, 40 us for 15
// threads, in which PCIe could have moved all of it.
#pragma once

#include <new>
#include <stdexcept>
#include <warpladder/core/rung.hpp>
#include <warpladder/transfer.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::transfer {

struct standing_threads {
  static constexpr rung_info info{5, "standing_threads", "threads that stay: the copier"};

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
