// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <warpladder/core/matrix.hpp>
#include <warpladder/pipeline_advisor.hpp>

namespace warpladder::pipeline {

inline constexpr int max_lanes = 8;
inline constexpr int max_slots = 16;
inline constexpr int kernels_at_once = 2;  ///< of 07 and the rungs above

/// Streams and events that a pipeline may use between its fork from the caller's stream and its
/// join with it: see lanes.hpp for their owner. Two launches that may overlap in time need two.
struct lent_lanes {
  std::span<const cudaStream_t> streams = {};  ///< at most 8
  std::span<const cudaEvent_t> events = {};    ///< at least 17, if there is a stream
};

/// out[i] = in[i] after `rounds` steps x -> x * x - 1.9, each of them one fused multiply-add, for
/// all i < n. in and out lie in pinned host memory, and the kernel works on the device: every
/// element travels there and back. Values between -1.9 and 1.9 stay there; the map is chaotic, so
/// that no step that was left out or done twice goes unseen.
///
/// Pointers need the alignment of float alone; n may be 0 (then both may be null). In place
/// (out == in) is legal; any other overlap is not.
struct problem {
  std::int64_t n = 0;
  const float* in = nullptr;
  float* out = nullptr;
  int rounds = 1;
  std::int64_t chunk = 1 << 20;  ///< elements that travel together, at least 1
  int slots = 4;  ///< chunks on the device at a time, 1 to 16, where a rung reuses them
  lent_lanes lanes = {};
  engine_rates rates = {};  ///< what 09 tuned chooses chunk and slots by
  /// For pictures of what overlaps: events that time, six of each chunk in order, recorded before
  /// and after it is copied in, transformed and copied out, as far as they reach. May be empty.
  std::span<const cudaEvent_t> marks = {};
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no memory.
inline std::string_view explain_invalid(const problem& p) {
  using warpladder::detail::is_misaligned;
  if (p.n < 0) return "n must not be negative";
  if (p.n > (std::int64_t{1} << 60))
    return "the array spans more memory than an address can reach: check n";
  if (p.rounds < 0) return "rounds must not be negative";
  if (p.chunk < 1) return "a chunk has at least one element";
  if (p.chunk > (std::int64_t{1} << 60)) return "the chunk spans more memory than there can be";
  if (p.slots < 1) return "a ring has at least one slot";
  if (p.slots > max_slots) return "a ring has at most 16 slots";
  if (p.lanes.streams.size() > max_lanes) return "more than 8 streams were lent";
  if (!p.lanes.streams.empty() && p.lanes.events.size() <= max_slots)
    return "streams were lent, but fewer than 17 events";
  if (p.n == 0) return {};
  if (p.in == nullptr) return "in is null";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  if (is_misaligned(p.out)) return "out is not aligned to its element type";
  if (p.in != p.out && p.in < p.out + p.n && p.out < p.in + p.n)
    return "out overlaps in: it must be the same array, or lie apart";
  return {};
}

}  // namespace warpladder::pipeline
