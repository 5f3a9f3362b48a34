// SPDX-License-Identifier: Apache-2.0
// From the return address of a compiler callback to a line of the kernel's source.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace simt::trace {

struct source_line {
  std::string file;  // empty: not known
  unsigned line = 0;

  std::string text() const;
};

// The line that a reader would call the one of this access. Accesses inside the executor's headers
// and the standard library belong to the line that calls them. All addresses that are wanted at one
// time are best asked for together: each call starts a process.
std::unordered_map<std::uintptr_t, source_line> lines_of(
    const std::vector<std::uintptr_t>& return_addresses);

// The same for one address, remembered.
const source_line& line_of(std::uintptr_t return_address);

// True if the code at this address is the executor's own, not inlined into a kernel.
bool is_executor_code(std::uintptr_t return_address);

}  // namespace simt::trace
