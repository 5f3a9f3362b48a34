// SPDX-License-Identifier: Apache-2.0
#include "sites.hpp"

#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

namespace simt::trace {
namespace {

struct module_address {
  std::string path;
  std::uintptr_t offset = 0;  // as the file's own symbol table counts
};

module_address locate(std::uintptr_t address) {
  struct query {
    std::uintptr_t address;
    module_address found;
  } q{address, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<query*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type == PT_LOAD &&
              wanted.address - (info->dlpi_addr + header.p_vaddr) < header.p_memsz) {
            wanted.found = {info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe",
                            wanted.address - info->dlpi_addr};
            return 1;
          }
        }
        return 0;
      },
      &q);
  return q.found;
}

// The path of this program, for a child process, whose /proc/self is another.
std::string real_path(const std::string& path) {
  char* const resolved = realpath(path.c_str(), nullptr);
  std::string result = resolved != nullptr ? resolved : path;
  std::free(resolved);
  return result;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

// Files whose lines nobody who reads a kernel wants to hear of: what they do, they do for a caller.
bool is_plumbing(std::string_view file) {
  return contains(file, "/simt/") || contains(file, "/warpladder/core/") ||
         contains(file, "/include/c++/") || contains(file, "/lib/gcc/");
}

struct frame {
  std::string file;
  unsigned line;
};

std::string quoted(const std::string& path) {
  std::string result = "'";
  for (const char c : path) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// The chain of inlined calls at each address, innermost first. addr2line comes with binutils, which
// every installation of g++ has; it prints, for each address, the address and then a function name
// and a file:line for each frame.
std::map<std::uintptr_t, std::vector<frame>> frames_of(const std::string& path,
                                                       std::vector<std::uintptr_t> offsets) {
  std::map<std::uintptr_t, std::vector<frame>> result;
  constexpr std::size_t per_call = 2000;  // a command line is at most 2 MB
  for (std::size_t first = 0; first < offsets.size(); first += per_call) {
    std::string command = "addr2line -a -f -i -e " + quoted(path);
    const std::size_t last = std::min(offsets.size(), first + per_call);
    for (std::size_t i = first; i < last; ++i) {
      char text[32];
      std::snprintf(text, sizeof text, " %#zx", std::size_t(offsets[i]));
      command += text;
    }
    std::FILE* const output = popen((command + " 2>/dev/null").c_str(), "r");
    if (output == nullptr) return result;
    char* line = nullptr;
    std::size_t capacity = 0;
    std::vector<frame>* frames = nullptr;
    bool is_function = false;
    for (ssize_t length; (length = getline(&line, &capacity, output)) > 0;) {
      std::string_view text(line, static_cast<std::size_t>(length) - (line[length - 1] == '\n'));
      if (text.starts_with("0x") && !contains(text, ":")) {
        frames = &result[std::strtoull(line, nullptr, 16)];
        is_function = true;
        continue;
      }
      if (frames == nullptr) continue;
      if (!is_function) {
        const std::size_t colon = text.rfind(':');
        if (colon != text.npos && !text.starts_with("??")) {
          frames->push_back({std::string(text.substr(0, colon)),
                             unsigned(std::strtoul(line + colon + 1, nullptr, 10))});
        }
      }
      is_function = !is_function;
    }
    std::free(line);
    pclose(output);
  }
  return result;
}

struct resolved {
  source_line line;
  bool is_plumbing = false;  // all of the chain
};

struct cache {
  std::mutex mutex;
  std::unordered_map<std::uintptr_t, resolved> lines;
};
cache& the_cache() {
  static cache& instance = *new cache;
  return instance;
}

// The caller holds the cache's mutex.
void resolve(std::vector<std::uintptr_t> return_addresses) {
  auto& known = the_cache().lines;
  std::map<std::string, std::vector<std::pair<std::uintptr_t, std::uintptr_t>>> by_module;
  for (const std::uintptr_t address : return_addresses) {
    if (known.contains(address)) continue;
    known[address] = {};
    const module_address where = locate(address - 1);  // inside the call, not behind it
    if (!where.path.empty()) by_module[where.path].push_back({address, where.offset});
  }
  for (const auto& [path, addresses] : by_module) {
    std::vector<std::uintptr_t> offsets;
    for (const auto& [address, offset] : addresses) offsets.push_back(offset);
    auto frames = frames_of(real_path(path), offsets);
    for (const auto& [address, offset] : addresses) {
      const auto& chain = frames[offset];
      if (chain.empty()) continue;
      const auto own = std::find_if(chain.begin(), chain.end(),
                                    [](const frame& f) { return !is_plumbing(f.file); });
      const frame& best = own != chain.end() ? *own : chain.back();
      known[address] = {{best.file, best.line}, own == chain.end()};
    }
  }
}

}  // namespace

std::string source_line::text() const {
  return file.empty() ? "an unknown line (no debug information)"
                      : file + ":" + std::to_string(line);
}

std::unordered_map<std::uintptr_t, source_line> lines_of(
    const std::vector<std::uintptr_t>& return_addresses) {
  std::lock_guard lock(the_cache().mutex);
  resolve(return_addresses);
  std::unordered_map<std::uintptr_t, source_line> result;
  for (const std::uintptr_t address : return_addresses) {
    result[address] = the_cache().lines[address].line;
  }
  return result;
}

const source_line& line_of(std::uintptr_t return_address) {
  std::lock_guard lock(the_cache().mutex);
  resolve({return_address});
  return the_cache().lines[return_address].line;
}

bool is_executor_code(std::uintptr_t return_address) {
  std::lock_guard lock(the_cache().mutex);
  resolve({return_address});
  return the_cache().lines[return_address].is_plumbing;
}

}  // namespace simt::trace
