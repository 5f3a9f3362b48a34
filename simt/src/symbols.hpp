// SPDX-License-Identifier: Apache-2.0
// What the executable's own symbol table says about a kernel.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace simt {

// Static __shared__ memory inside the thread-local segment of a module.
struct shared_variable {
  std::size_t offset;
  std::size_t bytes;
};

struct kernel_symbols {
  std::string name = "(unknown kernel)";
  const void* module = nullptr;            // load address; identifies the thread-local segment
  std::size_t static_shared_bytes = 0;     // declared in the kernel itself
  std::vector<shared_variable> variables;  // those, and the small ones of device functions
};

struct named_shared_variable {
  std::size_t offset;
  std::size_t bytes;
  std::string name;  // as declared: "a_tile"
};

// All static shared memory of a module.
std::vector<named_shared_variable> all_shared_variables(const void* module);

// True for addresses in the code and data of the program and its libraries.
bool is_program_data(const void* address);

// Looked up once per kernel. Without a symbol table (a stripped binary) only the defaults.
const kernel_symbols& symbols_of(const void* kernel);

// The thread-local segments of the calling OS thread.
struct thread_segment {
  const void* module;
  char* address;  // null until the thread touches the segment of a dlopen()ed module
  std::size_t bytes;
};
std::vector<thread_segment> thread_segments();

}  // namespace simt
