// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <warpladder/core/workspace.hpp>

// A ladder is a typed list of rungs; make_table() turns it into rows that tests, benchmarks, the
// command line and the docs iterate over. Nothing else keeps a list of rungs.

namespace warpladder {

/// What a rung says of itself.
struct rung_info {
  int step;               ///< position on the ladder, the NN of its file name; 0 is the vendor
  std::string_view name;  ///< the rest of the file name
  std::string_view idea;  ///< the one idea, in a few words
  int min_compute_capability = 75;
  bool runs_on_host = true;  ///< false: calls a vendor library or hardware with no host version
};

/// A rung's answer to "can you do this problem?": yes, or no with the reason.
struct support {
  std::string_view why_not = {};
  constexpr explicit operator bool() const { return why_not.empty(); }
};

/// The rungs of a ladder, lowest first. Each is a struct with the static members
///   rung_info info;
///   support supports(const Problem&);               // shapes and layouts, not devices
///   std::size_t workspace_bytes(const Problem&);    // scratch that launch() needs, on this device
///   cudaError_t launch(const Problem&, cudaStream_t, workspace_view);
/// launch() is asynchronous, legal under stream capture, and may assume a valid problem that
/// supports() accepts.
template <class... Rungs>
struct rung_list {};

/// One row of a ladder's table, for one problem type.
template <class Problem>
struct rung_entry {
  rung_info info;
  support (*supports)(const Problem&);
  std::size_t (*workspace_bytes)(const Problem&);
  cudaError_t (*launch)(const Problem&, cudaStream_t, workspace_view);
};

/// The row of a rung.
template <class Problem, class Rung>
constexpr rung_entry<Problem> make_entry() {
  return {Rung::info, &Rung::supports, &Rung::workspace_bytes, &Rung::launch};
}

template <class Problem, class... Rungs>
constexpr std::array<rung_entry<Problem>, sizeof...(Rungs)> make_table(rung_list<Rungs...>) {
  constexpr int steps[] = {Rungs::info.step...};
  constexpr bool rising = [&] {
    for (std::size_t i = 1; i < sizeof...(Rungs); ++i) {
      if (steps[i - 1] >= steps[i]) return false;
    }
    return true;
  }();
  static_assert(rising, "a ladder's steps must rise strictly: see the NN of each rung");
  return {make_entry<Problem, Rungs>()...};
}

}  // namespace warpladder
