// SPDX-License-Identifier: Apache-2.0
//
// What the rungs have in common whose blocks wait for each other.
#pragma once

#include <cstddef>
#include <warpladder/core/residency.cuh>
#include <warpladder/core/rung.hpp>
#include <warpladder/core/workspace.hpp>
#include <warpladder/grid_sync/problem.hpp>

namespace warpladder::grid_sync::detail {

/// Words that different blocks write stand in lines of their own: 32 words of 4 bytes apart.
inline constexpr unsigned words_per_line = 32;

inline launch_config resident_config(const problem& p, cudaStream_t stream, unsigned cluster) {
  return {.grid = dim3(p.blocks), .block = dim3(p.threads), .stream = stream, .cluster = cluster};
}

/// Can all blocks of this grid be on the device at once? Asks the current device, as what fits
/// hangs on it.
template <class... Parameters>
support fits(void (*kernel)(Parameters...), const problem& p, unsigned cluster = 1) {
  std::size_t blocks = 0;
  const auto status = max_resident_blocks(kernel, resident_config(p, {}, cluster), blocks);
  if (status != cudaSuccess) return {"the device does not say how many of its blocks it can hold"};
  if (p.blocks > blocks) return {"so many blocks are not resident at once on this device"};
  return {};
}

/// Enqueues the zeroing of the first `words` words of the workspace, then the kernel, which is
/// passed the problem and them.
template <class Kernel>
cudaError_t launch_zeroed(Kernel* kernel, const problem& p, cudaStream_t stream,
                          workspace_view workspace, std::size_t words, unsigned cluster = 1) {
  const std::size_t bytes = words * sizeof(unsigned);
  if (lacks(workspace, bytes)) return cudaErrorInvalidValue;
  const cudaError_t status = cudaMemsetAsync(workspace.data, 0, bytes, stream);
  if (status != cudaSuccess) return status;
  return launch_resident(kernel, resident_config(p, stream, cluster), p,
                         static_cast<unsigned*>(workspace.data));
}

}  // namespace warpladder::grid_sync::detail
