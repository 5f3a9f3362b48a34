// SPDX-License-Identifier: Apache-2.0
// Lines of source files, and names short enough for a table.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace simt::report {

class source_text {
 public:
  /// Without the white space around it; "" if the file or the line is not there.
  std::string line(const std::string& file, unsigned number);
  std::string raw_line(const std::string& file, unsigned number);
  unsigned line_count(const std::string& file);

 private:
  const std::vector<std::string>& lines_of(const std::string& file);
  std::map<std::string, std::vector<std::string>> files_;
};

/// The path from the current folder, or from the last folder of ours, if that is shorter.
std::string short_path(const std::string& path);

/// "naive_kernel<float>" of "void warpladder::gemm::naive_kernel<float>(warpladder::...)".
std::string short_kernel_name(const std::string& name);

}  // namespace simt::report
