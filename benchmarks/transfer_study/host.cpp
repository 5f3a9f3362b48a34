// SPDX-License-Identifier: Apache-2.0
//
// The machine around the GPU, as far as it decides how fast bytes move. No names of machines.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <harness/nvml.hpp>
#include <string>
#include <transfer_pattern.hpp>
#include <transfer_study/sections.hpp>

namespace warpladder::bench {
namespace {

/// The value of the first line "key : value" of a file of the kernel's.
std::string value_in(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    const std::size_t begin =
        colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "unknown";
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "unknown";
}

int numa_nodes() {
  int nodes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/devices/system/node", error)) {
    const std::string name = entry.path().filename();
    nodes += name.starts_with("node") && name.find_first_not_of("0123456789", 4) == name.npos;
  }
  return nodes;
}

}  // namespace

ordered_json describe_host() {
  ordered_json facts{
      {"cpu", value_in("/proc/cpuinfo", "model name")},
      {"cores", usable_cores()},
      {"numa_nodes", numa_nodes()},
      {"memory", value_in("/proc/meminfo", "MemTotal")},
      {"page_bytes", sysconf(_SC_PAGESIZE)},
      {"transparent_huge_pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")}};
  const nvml chip;
  const auto link = chip.pcie_link();
  if (link.generation) facts["pcie_generation"] = *link.generation;
  if (link.width) facts["pcie_width"] = *link.width;
  int devices = 0;
  WARPLADDER_TRY(cudaGetDeviceCount(&devices));
  facts["gpus"] = devices;
  fmt::print("host\n");
  for (const auto& [key, value] : facts.items()) {
    fmt::print("  {:<24} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return facts;
}

}  // namespace warpladder::bench
