// SPDX-License-Identifier: Apache-2.0
#include "source_text.hpp"

#include <filesystem>
#include <fstream>
#include <string_view>

namespace simt::report {

const std::vector<std::string>& source_text::lines_of(const std::string& file) {
  const auto [entry, is_new] = files_.try_emplace(file);
  if (is_new) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) entry->second.push_back(line);
  }
  return entry->second;
}

std::string source_text::raw_line(const std::string& file, unsigned number) {
  const auto& lines = lines_of(file);
  return number >= 1 && number <= lines.size() ? lines[number - 1] : "";
}

std::string source_text::line(const std::string& file, unsigned number) {
  const std::string text = raw_line(file, number);
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

unsigned source_text::line_count(const std::string& file) {
  return static_cast<unsigned>(lines_of(file).size());
}

std::string short_path(const std::string& path) {
  std::error_code ignored;
  const std::string relative = std::filesystem::proximate(path, ignored).string();
  for (const std::string_view root : {"/kernels/warpladder/", "/include/warpladder/"}) {
    const std::size_t at = path.rfind(root);
    if (at != path.npos) return path.substr(at + 1);
  }
  return !relative.empty() && relative.size() < path.size() ? relative : path;
}

std::string short_kernel_name(const std::string& name) {
  std::string text = name.starts_with("void ") ? name.substr(5) : name;
  // The parameter list is the last balanced pair of parentheses.
  if (text.ends_with(')')) {
    int depth = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
      depth += text[i] == ')' ? 1 : text[i] == '(' ? -1 : 0;
      if (depth == 0) {
        text.resize(i);
        break;
      }
    }
  }
  for (const std::string_view scope : {"warpladder::", "gemm::", "memory::", "detail::"}) {
    for (std::size_t at; (at = text.find(scope)) != text.npos;) text.erase(at, scope.size());
  }
  return text;
}

}  // namespace simt::report
