// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace warpladder::cli {

/// The program in the same folder as this one; throws with advice if it is not there.
std::filesystem::path sibling(const std::string& name);

/// Continues as the program of the other backend, with the same arguments. Returns only by
/// throwing.
[[noreturn]] void become_backend(const std::string& backend, char** argv);

/// True if this program can run kernels here: always on the host, with a working GPU otherwise.
bool has_device();

}  // namespace warpladder::cli
