// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <warpladder/core/workspace.hpp>

#include "backend.hpp"
#include "guarded_array.hpp"

namespace warpladder::test {

/// The scratch that a method asked for, to the byte, poisoned with NaNs, between canaries.
class lent_workspace {
 public:
  explicit lent_workspace(std::size_t bytes)
      : bytes_(static_cast<std::int64_t>(bytes)), memory_(bytes_, 0, !sanitized) {
    for (std::int64_t i = 0; i < bytes_; ++i) memory_[i] = 0xFF;
    memory_.upload();
  }
  workspace_view view() const {
    if (bytes_ == 0) return {};
    return {memory_.device(), static_cast<std::size_t>(bytes_)};
  }
  /// True if nothing outside of the lent bytes was written.
  bool guards_intact() const {
    guarded_array<unsigned char> now = memory_.download();
    for (std::int64_t i = 0; i < bytes_; ++i) now[i] = 0xFF;
    return now.same_bits(memory_);
  }

 private:
  std::int64_t bytes_;
  guarded_array<unsigned char> memory_;
};

}  // namespace warpladder::test
