// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <warpladder/core/matrix.hpp>

namespace warpladder::memory {

/// out[i] = table[index[i]] for i in [0, n). Every index must be in [0, table_size): that is a
/// precondition, which neither explain_invalid nor the device checks. Sizes count elements.
/// Pointers need the alignment of their element alone; out must not overlap index or table, which
/// are only read. n may be 0.
template <class T>
struct lookup_problem {
  std::int64_t n = 0;
  const std::int32_t* index = nullptr;
  const T* table = nullptr;
  std::int64_t table_size = 0;
  T* out = nullptr;

  bool is_empty() const { return n == 0; }
};

/// Why a problem is illegal, in words, or an empty string if it is legal. Reads no device memory.
template <class T>
std::string_view explain_invalid(const lookup_problem<T>& p) {
  using warpladder::detail::is_misaligned, warpladder::detail::ranges_overlap;
  constexpr std::int64_t index_bytes = sizeof(std::int32_t), element_bytes = sizeof(T);
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  if (p.n < 0) return "n must not be negative";
  if (p.table_size < 0) return "table_size must not be negative";
  if (p.n > limit / index_bytes || p.n > limit / element_bytes ||
      p.table_size > limit / element_bytes)
    return "an array spans more memory than an address can reach";
  if (p.is_empty()) return {};
  if (p.table_size == 0) return "table_size is 0: there is nothing to look up";

  if (p.index == nullptr) return "index is null";
  if (p.table == nullptr) return "table is null";
  if (p.out == nullptr) return "out is null";
  if (is_misaligned(p.index)) return "index is not aligned to its element type";
  if (is_misaligned(p.table)) return "table is not aligned to its element type";
  if (is_misaligned(p.out)) return "out is not aligned to its element type";
  const auto bytes_of = [](const void* array) { return static_cast<const unsigned char*>(array); };
  const std::int64_t out_bytes = p.n * element_bytes;
  if (ranges_overlap(bytes_of(p.out), out_bytes, bytes_of(p.index), p.n * index_bytes))
    return "out overlaps index";
  if (ranges_overlap<T>(p.out, p.n, p.table, p.table_size)) return "out overlaps table";
  return {};
}

}  // namespace warpladder::memory
