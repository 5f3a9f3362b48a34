// SPDX-License-Identifier: Apache-2.0
#include "backend.hpp"

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace warpladder::cli {

std::filesystem::path sibling(const std::string& name) {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  if (!std::filesystem::exists(path)) {
    throw std::runtime_error(
        fmt::format("{} is not built beside this program. `cmake --build <build folder>` builds "
                    "all of them; those "
                    "for the GPU need a CUDA toolkit when CMake configures.",
                    name));
  }
  return path;
}

void become_backend(const std::string& backend, char** argv) {
  const std::filesystem::path program = sibling("warpladder_" + backend);
  execv(program.c_str(), argv);
  throw std::system_error(errno, std::generic_category(), "cannot start " + program.string());
}

bool has_device() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

}  // namespace warpladder::cli
