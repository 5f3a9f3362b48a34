// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <algorithm>

namespace simt::report {
namespace {

/// Cells are UTF-8: a character is a byte that does not continue another.
std::size_t length(const std::string& text) {
  return std::size_t(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

std::string cut(const std::string& text, std::size_t width) {
  if (length(text) <= width) return text;
  std::string kept;
  std::size_t characters = 0;
  for (const char byte : text) {
    if ((byte & 0xc0) != 0x80 && ++characters == width) break;
    kept += byte;
  }
  return kept + "…";
}

}  // namespace

std::string table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = length(columns_[i].title);
    for (const auto& row : rows_) {
      const bool runs_on = row.size() < columns_.size() && i + 1 >= row.size();
      if (!runs_on) width = std::max(width, length(row[i]));
    }
    widths.push_back(std::min(width, std::max(columns_[i].widest, length(columns_[i].title))));
  }

  std::string out;
  const auto put = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool runs_on = row.size() < columns_.size() && i + 1 == row.size();
      const std::string cell =
          cut(row[i], runs_on ? 118 - std::min<std::size_t>(100, length(line)) : widths[i]);
      const std::string gap(runs_on ? 0 : widths[i] - length(cell), ' ');
      line += "  ";
      line += columns_[i].alignment == align::right && !runs_on ? gap + cell : cell + gap;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::vector<std::string> titles, rules;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    std::string rule;
    for (std::size_t j = 0; j < widths[i]; ++j) rule += "─";
    rules.push_back(rule);
  }
  put(titles);
  put(rules);
  for (const auto& row : rows_) put(row);
  return out;
}

}  // namespace simt::report
