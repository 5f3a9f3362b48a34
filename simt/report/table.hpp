// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace simt::report {

/// Aligned columns for a terminal. The rightmost-growing texts (ideas, reasons) are cut with an
/// ellipsis so that a row fits into 120 columns.
class table {
 public:
  enum class align { left, right };
  struct column {
    std::string title;
    align alignment = align::left;
    std::size_t widest = 120;  ///< longer cells are cut
  };

  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

  /// A row with fewer cells than columns lets its last cell run to the right edge.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace simt::report
