// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>

namespace warpladder::solver {

/// `steps` explicit steps of the heat equation on a plate whose rim is kept at its temperature: for
/// every cell that is not in the first or last row or column
///   u' = u + alpha * (up + down + left + right - 4 u),
/// all cells at once, from in to out. Rounded as fmaf(alpha, fmaf(-4, u, (up + down) + (left +
/// right)), u), by every rung: equal inputs give equal bits, on the host too. alpha = 1/4 is
/// Jacobi's iteration for Laplace's equation; above 1/4 the method is unstable, which is legal.
///
/// Both matrices are rows x cols floats, row-major in device memory, rows ld_in and ld_out elements
/// apart. Pointers need the alignment of float alone. out must lie apart from in: it is written
/// while in is read. Sizes and steps may be 0; without steps, in is copied.
struct jacobi_problem {
  std::int64_t rows = 0, cols = 0;
  int steps = 0;
  float alpha = 0.25f;
  const float* in = nullptr;
  std::int64_t ld_in = 0;
  float* out = nullptr;
  std::int64_t ld_out = 0;

  __host__ __device__ bool is_empty() const { return rows == 0 || cols == 0; }
  /// Is there nothing to do but to copy?
  bool is_copy() const { return steps == 0 || rows < 3 || cols < 3; }
};

/// `iterations` of the conjugate gradient method for A x = b, from x = 0. A is the five-point
/// Laplacian on a grid of rows x cols unknowns: 4 on the diagonal, -1 for each of the up to four
/// neighbours; it is never stored. *residual becomes the square of the norm of b - A x as the
/// method carries it along (the true one differs by rounding).
///
/// The number of iterations is given and not found out: nobody has to wait for a decision of the
/// host. Where the method cannot go on (b = 0, or solved to the last bit) x stays as it is; NaN and
/// infinity in b propagate. The order of all additions is fixed: equal inputs give equal bits on
/// one device and with one rung; rungs differ in rounding.
///
/// b and x are rows x cols floats, row-major in device memory, rows ld_b and ld_x elements apart;
/// residual is one float in device memory, or null if nobody asks. Alignment of float is enough. x
/// must lie apart from b, *residual from both. Sizes and iterations may be 0.
struct cg_problem {
  std::int64_t rows = 0, cols = 0;
  int iterations = 0;
  const float* b = nullptr;
  std::int64_t ld_b = 0;
  float* x = nullptr;
  std::int64_t ld_x = 0;
  float* residual = nullptr;

  __host__ __device__ bool is_empty() const { return rows == 0 || cols == 0; }
};

namespace detail {

/// What both problems demand of their two matrices.
inline std::string_view explain_invalid_matrices(std::int64_t rows, std::int64_t cols,
                                                 const float* in, std::int64_t ld_in,
                                                 const float* out, std::int64_t ld_out) {
  using warpladder::detail::is_misaligned, warpladder::detail::matrix_extent;
  if (rows < 0 || cols < 0) return "rows and cols must not be negative";
  if (ld_in < cols || ld_in < 1 || ld_out < cols || ld_out < 1)
    return "leading dimensions must be at least max(1, cols): rows hold cols elements";
  if (rows == 0 || cols == 0) return {};
  constexpr std::int64_t max_extent = (std::int64_t{1} << 62) / sizeof(float);
  const std::int64_t in_extent = matrix_extent(rows, cols, ld_in);
  const std::int64_t out_extent = matrix_extent(rows, cols, ld_out);
  if (in_extent < 0 || out_extent < 0 || in_extent > max_extent || out_extent > max_extent)
    return "a matrix spans more memory than an address can reach: check the leading dimensions";
  if (rows > (max_extent / 64) / cols) return "the grid has more cells than any workspace can hold";
  if (in == nullptr || out == nullptr) return "a matrix is null";
  if (is_misaligned(in) || is_misaligned(out)) return "a matrix is not aligned to float";
  if (warpladder::detail::windows_overlap(in, rows, cols, ld_in, out, rows, cols, ld_out))
    return "the result overlaps the input: it must lie apart";
  return {};
}

}  // namespace detail

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
inline std::string_view explain_invalid(const jacobi_problem& p) {
  if (p.steps < 0) return "steps must not be negative";
  return detail::explain_invalid_matrices(p.rows, p.cols, p.in, p.ld_in, p.out, p.ld_out);
}

inline std::string_view explain_invalid(const cg_problem& p) {
  using warpladder::detail::windows_overlap;
  if (p.iterations < 0) return "iterations must not be negative";
  if (const auto reason =
          detail::explain_invalid_matrices(p.rows, p.cols, p.b, p.ld_b, p.x, p.ld_x);
      !reason.empty())
    return reason;
  if (p.residual == nullptr) return {};
  if (warpladder::detail::is_misaligned(p.residual)) return "residual is not aligned to float";
  if (p.is_empty()) return {};
  const float* const residual = p.residual;
  if (windows_overlap<float>(residual, 1, 1, 1, p.x, p.rows, p.cols, p.ld_x) ||
      windows_overlap<float>(residual, 1, 1, 1, p.b, p.rows, p.cols, p.ld_b))
    return "residual overlaps a matrix";
  return {};
}

}  // namespace warpladder::solver
