// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>
#include <warpladder/core/operations.hpp>

namespace warpladder::scan {

/// Does out[i] include in[i]?
enum class kind { inclusive, exclusive };

/// out[i] = finish(initial combined with lift(in[0], 0), ..., up to in[i], or in[i - 1] if
/// exclusive), for all i < n, in device memory and in this order: combine need not be commutative.
///
/// Pointers need the alignment of their type alone; n may be 0 (then both may be null) and beyond
/// 2^31. In place (out == in, elements of equal size) is legal; any other overlap is not.
template <class T, class Op = sum<T>>
struct problem {
  static_assert(std::is_same_v<T, typename Op::input>, "the operation is one on other elements");
  static_assert(Op::inputs == 1, "scans have one input");
  std::int64_t n = 0;
  const T* in = nullptr;
  typename Op::result* out = nullptr;
  kind what = kind::inclusive;
  Op op = {};
  typename Op::accumulator initial = op.identity();
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T, class Op>
std::string_view explain_invalid(const problem<T, Op>& p) {
  using result = typename Op::result;
  using warpladder::detail::is_misaligned;
  if (p.n < 0) return "n must not be negative";
  constexpr std::int64_t largest = sizeof(T) > sizeof(result) ? sizeof(T) : sizeof(result);
  if (p.n > (std::int64_t{1} << 62) / largest)
    return "the array spans more memory than an address can reach: check n";
  if (p.n == 0) return {};
  if (p.in == nullptr) return "in is null";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.in)) return "in is not aligned to its element type";
  if (is_misaligned(p.out)) return "out is not aligned to its type";
  const auto in = reinterpret_cast<std::uintptr_t>(p.in);
  const auto out = reinterpret_cast<std::uintptr_t>(p.out);
  const bool in_place = in == out && sizeof(T) == sizeof(result);
  if (!in_place && in < out + std::uintptr_t(p.n) * sizeof(result) &&
      out < in + std::uintptr_t(p.n) * sizeof(T))
    return "out overlaps in: it must be the same array, or lie apart";
  return {};
}

}  // namespace warpladder::scan
