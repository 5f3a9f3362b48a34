// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gemm_shape.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <warpladder/gemm_tc/problem.hpp>

namespace warpladder::bench {

/// How A and B lie in memory, as their transposes: "nn" is the row-major product, "nt" has B stored
/// n x k, as weights usually are. tf32 and 8-bit types are multiplied so by the hardware alone.
struct gemm_tc_shape : gemm_shape {
  bool trans_a = false, trans_b = false;
  bool is_usual = true;  ///< the layout was not named: it is the type's own

  std::string name() const {
    std::string text = gemm_shape::name();
    if (is_usual) return text;
    return text + ":" + (trans_a ? 't' : 'n') + (trans_b ? 't' : 'n');
  }
};

inline constexpr const char* gemm_tc_shape_help =
    "N for a cube, MxNxK, or MxNxKxbBATCH; then, if not as usual, :nn, :nt, :tn or :tt for how A "
    "and B are stored";

/// Throws std::invalid_argument with a sentence that says what to write instead. `nt` is what is
/// usual for the type.
inline gemm_tc_shape parse_gemm_tc_shape(std::string_view text, bool nt) {
  gemm_tc_shape shape;
  shape.trans_b = nt;
  const std::size_t colon = text.find(':');
  if (colon != text.npos) {
    const std::string_view layout = text.substr(colon + 1);
    const auto is_layout = [](char c) { return c == 'n' || c == 't'; };
    if (layout.size() != 2 || !is_layout(layout[0]) || !is_layout(layout[1]))
      throw std::invalid_argument("'" + std::string(text) + "' is no size: write " +
                                  gemm_tc_shape_help);
    shape.trans_a = layout[0] == 't', shape.trans_b = layout[1] == 't';
    shape.is_usual = !shape.trans_a && shape.trans_b == nt;
  }
  static_cast<gemm_shape&>(shape) = parse_gemm_shape(text.substr(0, colon));
  return shape;
}

/// The problem of this shape without gaps, and without memory.
template <class Problem>
Problem packed_gemm_tc(const gemm_tc_shape& shape) {
  Problem p;
  p.m = shape.m, p.n = shape.n, p.k = shape.k, p.batch = shape.batch;
  p.trans_a = gemm_tc::transpose{shape.trans_a};
  p.trans_b = gemm_tc::transpose{shape.trans_b};
  p.lda = shape.trans_a ? shape.m : shape.k;
  p.ldb = shape.trans_b ? shape.k : shape.n;
  p.ldc = shape.n;
  p.stride_a = shape.m * shape.k, p.stride_b = shape.k * shape.n, p.stride_c = shape.m * shape.n;
  return p;
}

}  // namespace warpladder::bench
