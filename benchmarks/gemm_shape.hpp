// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace warpladder::bench {

/// The sizes of a GEMM as people write them: "512" is a cube, "256x128x64" is m x n x k,
/// "64x64x64xb256" is a batch of 256.
struct gemm_shape {
  std::int64_t m = 0, n = 0, k = 0, batch = 1;

  double flops() const { return 2.0 * double(m) * double(n) * double(k) * double(batch); }
  /// A and B read once, C written once: what any algorithm must move at beta = 0.
  double bytes(std::size_t element_bytes) const {
    return double(element_bytes) * double(batch) *
           (double(m) * double(k) + double(k) * double(n) + double(m) * double(n));
  }

  std::string name() const {
    std::string sizes = std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    if (batch != 1) sizes.append("xb").append(std::to_string(batch));
    return sizes;
  }
};

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline gemm_shape parse_gemm_shape(std::string_view text) {
  const auto complain = [&] {
    std::string sentence = "'";
    sentence += text;
    sentence +=
        "' is not a size. Write one number for a cube (512), MxNxK (256x128x64) or MxNxKxbBATCH "
        "(64x64x64xb256), each from 1 to 2147483647.";
    return std::invalid_argument(sentence);
  };
  std::vector<std::int64_t> numbers;
  bool has_batch = false;
  for (std::string_view rest = text;;) {
    if (numbers.size() == 3 && rest.starts_with('b')) {
      has_batch = true;
      rest.remove_prefix(1);
    }
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc{} || number < 1) throw complain();
    numbers.push_back(number);
    rest.remove_prefix(std::size_t(end - rest.data()));
    if (rest.empty()) break;
    if (!rest.starts_with('x') || has_batch) throw complain();
    rest.remove_prefix(1);
  }
  if (numbers.size() == 1) numbers.assign(3, numbers[0]);
  if (numbers.size() != (has_batch ? 4 : 3)) throw complain();
  const gemm_shape shape{numbers[0], numbers[1], numbers[2], has_batch ? numbers[3] : 1};
  if (shape.bytes(sizeof(float)) > 1e15)
    throw std::invalid_argument("'" + std::string(text) + "' needs more memory than there is.");
  return shape;
}

}  // namespace warpladder::bench
