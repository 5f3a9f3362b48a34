// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace warpladder {

/// Scratch device memory that the caller owns and lends for the work of one launch: contents
/// undefined before and after, `data` aligned to 256 bytes. Two launches that may overlap in time
/// need two workspaces.
struct workspace_view {
  void* data = nullptr;
  std::size_t bytes = 0;
};

}  // namespace warpladder
