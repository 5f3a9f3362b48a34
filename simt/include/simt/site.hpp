// SPDX-License-Identifier: Apache-2.0
// A place in kernel source, captured by a default argument, so that reports can name the line.
#pragma once

namespace simt {

// std::source_location is not usable here: clang 14 with libstdc++ does not provide it.
struct site {
  const char* file = "";
  unsigned line = 0;

  static constexpr site current(const char* file = __builtin_FILE(),
                                unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace simt
