// SPDX-License-Identifier: Apache-2.0
//
// Neighbouring elements that one instruction moves.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>
#include <warpladder/core/rung.hpp>
#include <warpladder/memory/detail/carrier.hpp>
#include <warpladder/memory/problem.hpp>

namespace warpladder::memory::detail {

/// What one access moves: float4 for 4 floats, the element itself for N == 1. Matrices are indexed
/// in these: nvcc 13.0 splits stores of 16 bytes whose address it computed in floats.
template <class T, int N>
using vector = std::conditional_t<N == 1, T, word<N* int{sizeof(T)}>>;

/// The 16 bytes, in elements.
template <class T>
inline constexpr int widest = 16 / int{sizeof(T)};

/// Does every row of a matrix begin at a multiple of `bytes`?
template <class T>
bool rows_are_aligned(const T* base, std::int64_t rows, std::int64_t ld, int bytes) {
  return reinterpret_cast<std::uintptr_t>(base) % bytes == 0 &&
         (rows <= 1 || ld % (bytes / std::int64_t{sizeof(T)}) == 0);
}

/// Can a copy move whole vectors of 16 bytes and nothing else? Then it is a copy of in_vectors().
template <class T>
support moves_whole_vectors(const copy_problem<T>& p) {
  if (p.cols % widest<T> != 0) return {"rows are not multiples of 16 bytes"};
  if (!rows_are_aligned(p.in, p.rows, p.ld_in, 16) ||
      !rows_are_aligned(p.out, p.rows, p.ld_out, 16))
    return {"rows of in and out must be aligned to 16 bytes"};
  return {};
}

/// The same copy, of elements of 16 bytes.
template <class T>
copy_problem<word<16>> in_vectors(const copy_problem<T>& p) {
  return {.rows = p.rows,
          .cols = p.cols / widest<T>,
          .in = reinterpret_cast<const word<16>*>(p.in),
          .ld_in = p.ld_in / widest<T>,
          .out = reinterpret_cast<word<16>*>(p.out),
          .ld_out = p.ld_out / widest<T>};
}

}  // namespace warpladder::memory::detail
