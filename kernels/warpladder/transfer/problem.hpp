// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <warpladder/transfer/staging.hpp>

namespace warpladder::transfer {

class copier;

enum class direction { to_device, to_host };

/// `bytes` bytes between pageable host memory and device memory, any alignment; 0 is legal, and the
/// pointers may be null then. What rungs need is lent: they allocate nothing.
///
/// These rungs block the calling thread while it copies, and refuse a stream that is capturing:
/// cudaErrorStreamCaptureUnsupported. After launch() `from` may be reused if it is host memory, and
/// `to` is complete if it is host memory.
struct staged_problem {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  direction way = direction::to_device;
  staging_view lent = {};              ///< 01 to 04; from 03 on two chunks per thread
  unsigned threads = 1;                ///< 03 and 04: the calling thread and those that it starts
  transfer::copier* copier = nullptr;  ///< 05
};

/// `bytes` bytes between page-locked host memory and device memory, any alignment.
struct pinned_problem {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  direction way = direction::to_device;
};

/// `rows` rows of `width` bytes, `to_pitch` and `from_pitch` bytes apart, between page-locked host
/// memory and device memory, any alignment.
struct rows_problem {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t rows = 0, width = 0;
  std::size_t to_pitch = 0, from_pitch = 0;
  direction way = direction::to_device;

  std::size_t bytes() const { return rows * width; }
};

/// Many small copies between page-locked host memory and device memory: bytes[i] >= 1 bytes from
/// from[i] to to[i], for all i < count, any alignment; no two destinations overlap. The three
/// arrays are host memory that launch() alone reads. Kernels use the host's addresses on the device
/// too, as unified addressing lets them with memory from cudaMallocHost.
struct batch_problem {
  std::size_t count = 0;
  void* const* to = nullptr;
  const void* const* from = nullptr;
  const std::size_t* bytes = nullptr;
  direction way = direction::to_device;
  staging_view lent = {};  ///< 32 alone: one chunk of the rung's workspace_bytes()

  std::size_t total_bytes() const {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += bytes[i];
    return sum;
  }
};

namespace detail {

inline std::string_view explain_invalid(const void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return {};
  if (bytes > std::size_t{1} << 62) return "more bytes than an address can reach";
  if (to == nullptr) return "to is null";
  if (from == nullptr) return "from is null";
  return {};
}

}  // namespace detail

/// Why a problem is illegal, in words, or an empty string if it is legal. Asks no runtime, so that
/// memory of the wrong kind is what the copy itself refuses, with cudaErrorInvalidValue.
inline std::string_view explain_invalid(const staged_problem& p) {
  return detail::explain_invalid(p.to, p.from, p.bytes);
}

inline std::string_view explain_invalid(const pinned_problem& p) {
  return detail::explain_invalid(p.to, p.from, p.bytes);
}

inline std::string_view explain_invalid(const rows_problem& p) {
  if (p.rows == 0 || p.width == 0) return {};
  if (p.to_pitch < p.width) return "to_pitch is less than width: rows would overlap";
  if (p.from_pitch < p.width) return "from_pitch is less than width: rows would overlap";
  const std::size_t pitch = p.to_pitch > p.from_pitch ? p.to_pitch : p.from_pitch;
  if (p.rows > (std::size_t{1} << 62) / pitch) return "more bytes than an address can reach";
  if (p.to == nullptr) return "to is null";
  if (p.from == nullptr) return "from is null";
  return {};
}

inline std::string_view explain_invalid(const batch_problem& p) {
  if (p.count == 0) return {};
  if (p.to == nullptr || p.from == nullptr || p.bytes == nullptr) return "an array is null";
  for (std::size_t i = 0; i < p.count; ++i) {
    if (p.bytes[i] == 0) return "one of the copies is of no bytes";
    const std::string_view why = detail::explain_invalid(p.to[i], p.from[i], p.bytes[i]);
    if (!why.empty()) return why;
  }
  return {};
}

}  // namespace warpladder::transfer
