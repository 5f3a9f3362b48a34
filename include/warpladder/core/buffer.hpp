// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <warpladder/core/error.hpp>
#include <warpladder/core/stream.hpp>

namespace warpladder {

namespace detail {

struct device_memory {
  static cudaError_t allocate(void** pointer, std::size_t bytes) {
    return cudaMalloc(pointer, bytes);
  }
  static cudaError_t release(void* pointer) { return cudaFree(pointer); }
};

struct pinned_memory {
  static cudaError_t allocate(void** pointer, std::size_t bytes) {
    return cudaMallocHost(pointer, bytes);
  }
  static cudaError_t release(void* pointer) { return cudaFreeHost(pointer); }
};

}  // namespace detail

/// Owns `size()` uninitialised elements of one kind of memory; move-only. Aligned to 256 bytes.
/// Construction and destruction may synchronise the device: keep them out of hot paths.
template <class T, class Memory>
class buffer {
  static_assert(std::is_trivially_copyable_v<T>, "the elements travel as raw bytes");

 public:
  buffer() = default;
  explicit buffer(std::size_t size) : size_(size) {
    if (size > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    void* pointer = nullptr;
    if (size != 0) WARPLADDER_TRY(Memory::allocate(&pointer, size * sizeof(T)));
    data_ = static_cast<T*>(pointer);
  }
  buffer(buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    buffer moved(std::move(other));
    std::swap(data_, moved.data_);
    std::swap(size_, moved.size_);
    return *this;
  }
  ~buffer() {
    if (data_ != nullptr) WARPLADDER_TRY_NOTHROW(Memory::release(data_));
  }

  T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  std::span<T> view() const noexcept { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Device memory (cudaMalloc). The span of view() must not be dereferenced on the host.
template <class T>
using device_buffer = buffer<T, detail::device_memory>;

/// Page-locked host memory (cudaMallocHost), readable by the CPU and by the copy engines.
template <class T>
using pinned_buffer = buffer<T, detail::pinned_memory>;

/// Enqueues a copy of `from` to `to` (any pair of memory kinds); the sizes must be equal.
/// Pageable host memory must stay alive and unchanged until the stream has passed the copy.
template <class T>
void copy_async(std::span<T> to, std::span<const std::type_identity_t<T>> from, stream_view on) {
  if (to.size() != from.size()) throw std::invalid_argument("copy_async: sizes differ");
  if (to.empty()) return;
  WARPLADDER_TRY(cudaMemcpyAsync(to.data(), from.data(), to.size_bytes(), cudaMemcpyDefault, on));
}

}  // namespace warpladder
