// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <size_text.hpp>
#include <string>
#include <string_view>

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

inline constexpr const char* gemm_shape_help =
    "one number for a cube (512), MxNxK (256x128x64) or MxNxKxbBATCH (64x64x64xb256)";

/// Throws std::invalid_argument with a sentence that says what to write instead.
inline gemm_shape parse_gemm_shape(std::string_view text) {
  size_text size(text, gemm_shape_help);
  gemm_shape shape;
  shape.m = shape.n = shape.k = size.number();
  if (size.has("x")) {
    shape.n = size.number();
    if (!size.has("x")) size.complain();
    shape.k = size.number();
    shape.batch = size.number_after("xb").value_or(1);
  }
  size.end(shape.bytes(sizeof(float)));
  return shape;
}

}  // namespace warpladder::bench
