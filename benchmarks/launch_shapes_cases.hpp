// SPDX-License-Identifier: Apache-2.0
//
// The kernels of kernels/warpladder/launch/ with data to run on, for the study launch_shapes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>
#include <warpladder/launch.cuh>

namespace warpladder::bench {

/// A kernel and a problem. Copies share the data, which goes with the last of them.
struct launch_case {
  std::string kernel, bound_by;
  int items = 1;           ///< that a thread takes at a time
  std::int64_t n = 0;      ///< of the problem
  std::int64_t units = 0;  ///< what threads take: n, or more where several share an element
  int registers = 0;
  int local_bytes = 0;  ///< per thread: what did not fit into registers
  int static_shared_bytes = 0;
  unsigned max_block = 0;

  /// `ballast`: dynamic shared memory that nobody uses, on top of the kernel's own.
  std::function<cudaError_t(unsigned block, unsigned grid, std::size_t ballast, cudaStream_t)>
      launch;
  std::function<launch::advice()> suggest;
  /// Blocks per multiprocessor according to the occupancy API; 0 if it cannot run.
  std::function<int(unsigned block, std::size_t ballast)> resident;

  std::uint32_t* out = nullptr;  ///< on the device
  const std::uint32_t* want = nullptr;
  std::int64_t words = 0;
  bool adds = false;  ///< to what was in `out`, so that it has to be cleared before
};

/// The cases whose blocks are swept and whose advice is judged, at all sizes. Made one by one, as
/// not all of their data is to be in memory at once.
std::vector<std::function<launch_case()>> swept_cases();

/// Kernels with 1, 2, 4, ... 64 items per thread on one problem of `n` elements; `kernel` is triad,
/// iterate or chase.
std::vector<launch_case> work_cases(const std::string& kernel, std::int64_t n);

/// A version of small_products.
struct register_case {
  launch_case of;
  int rows;        ///< of a product per thread
  int min_blocks;  ///< of 256 threads, for which the compiler had to leave registers
};
std::vector<register_case> register_cases(std::int64_t n);

/// The cases that get ballast: device memory with little and with much in flight, and latency.
std::vector<launch_case> ballast_cases();

/// Runs it once on poisoned output, waits, and returns how many words are wrong.
std::int64_t wrong_words(const launch_case& of, unsigned block, unsigned grid, std::size_t ballast,
                         cudaStream_t stream);

}  // namespace warpladder::bench
