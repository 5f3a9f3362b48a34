// SPDX-License-Identifier: Apache-2.0
//
// Sizes as --sizes takes them, read from front to back.
#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace warpladder::bench {

/// What does not fit throws std::invalid_argument with a sentence that says what to write instead.
class size_text {
 public:
  /// `help` is what to write, such as "ROWSxCOLS"; numbers go from 1 to `largest`.
  size_text(std::string_view text, std::string_view help,
            std::int64_t largest = std::numeric_limits<std::int32_t>::max())
      : text_(text), rest_(text), help_(help), largest_(largest) {}

  std::int64_t number() {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{} || value < 1 || value > largest_) complain();
    rest_.remove_prefix(std::size_t(end - rest_.data()));
    return value;
  }

  /// Is `word` next? Then it is read.
  bool has(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::optional<std::int64_t> number_after(std::string_view word) {
    if (!has(word)) return std::nullopt;
    return number();
  }

  /// Nothing may be left, nor may the size need more than some 10^15 bytes.
  void end(double bytes = 0) const {
    if (!rest_.empty()) complain();
    if (bytes > 1e15) throw std::invalid_argument(quoted() + " needs more memory than there is.");
  }

  [[noreturn]] void complain() const {
    throw std::invalid_argument(quoted() + " is not a size. Write " + std::string(help_) +
                                ", each from 1 to " + std::to_string(largest_) + ".");
  }

 private:
  std::string quoted() const { return "'" + std::string(text_) + "'"; }

  std::string_view text_, rest_, help_;
  std::int64_t largest_;
};

}  // namespace warpladder::bench
