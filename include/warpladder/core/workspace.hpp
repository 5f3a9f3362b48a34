// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace warpladder {

/// Scratch device memory that the caller owns and lends for the work of one launch: contents
/// undefined before and after, `data` aligned to 256 bytes. Two launches that may overlap in time
/// need two workspaces.
struct workspace_view {
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// Is `workspace` no good for a launch that needs `bytes`: too small, or not aligned to 256 bytes?
inline bool lacks(const workspace_view& workspace, std::size_t bytes) {
  return bytes > 0 && (workspace.bytes < bytes || workspace.data == nullptr ||
                       reinterpret_cast<std::uintptr_t>(workspace.data) % 256 != 0);
}

}  // namespace warpladder
