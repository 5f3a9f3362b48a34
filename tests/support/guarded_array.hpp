// SPDX-License-Identifier: Apache-2.0
//
// Device memory with canaries around it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>
#include <warpladder/core/buffer.hpp>

namespace warpladder::test {

/// A NaN that no arithmetic produces: a guard that is overwritten changes its bits, and a guard
/// that is read turns the result into NaN.
template <class T>
T canary() {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(0x7fc0'beefu);
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<double>(0x7ff8'dead'beef'cafeull);
  } else {
    T value;
    std::memset(static_cast<void*>(&value), 0xA5, sizeof value);
    return value;
  }
}

/// `extent` elements in device memory, `offset` elements beyond a 256-byte boundary, with canaries
/// on both sides. Edited in a host image, then uploaded. With `guard_end` false the array ends
/// where its allocation ends, so that AddressSanitizer or compute-sanitizer see a read past it.
template <class T>
class guarded_array {
 public:
  guarded_array(std::int64_t extent, int offset, bool guard_end)
      : front_(256 / sizeof(T) + static_cast<std::size_t>(offset)),
        image_(front_ + static_cast<std::size_t>(extent) + (guard_end ? 256 / sizeof(T) : 0),
               canary<T>()),
        device_(image_.size()) {}

  /// The i-th element of the host image.
  T& operator[](std::int64_t i) { return image_[front_ + static_cast<std::size_t>(i)]; }
  const T& operator[](std::int64_t i) const { return image_[front_ + static_cast<std::size_t>(i)]; }

  /// Device address of the first element.
  T* device() const { return device_.data() + front_; }

  /// Returns when the device holds the image. cudaMemcpy alone returns when the last pageable bytes
  /// are staged: a kernel in a stream that does not wait for the legacy one may overtake them.
  void upload() const {
    WARPLADDER_TRY(
        cudaMemcpy(device_.data(), image_.data(), device_.size_bytes(), cudaMemcpyHostToDevice));
    WARPLADDER_TRY(cudaStreamSynchronize(cudaStream_t{}));
  }

  /// The image as the device holds it now, guards included.
  guarded_array download() const {
    guarded_array copy(*this, image_only{});
    WARPLADDER_TRY(cudaMemcpy(copy.image_.data(), device_.data(), device_.size_bytes(),
                              cudaMemcpyDeviceToHost));
    return copy;
  }

  /// A second array with the same host image, not yet uploaded.
  guarded_array clone() const {
    guarded_array copy(*this, image_only{});
    copy.image_ = image_;
    copy.device_ = device_buffer<T>(image_.size());
    return copy;
  }

  /// True if both host images are the same, bit for bit.
  bool same_bits(const guarded_array& other) const {
    return image_.size() == other.image_.size() &&
           std::memcmp(image_.data(), other.image_.data(), image_.size() * sizeof(T)) == 0;
  }

  /// The first position, relative to the array's first element, where the host images differ.
  std::int64_t first_difference(const guarded_array& other) const {
    for (std::size_t i = 0; i < image_.size(); ++i) {
      if (std::memcmp(&image_[i], &other.image_[i], sizeof(T)) != 0)
        return static_cast<std::int64_t>(i) - static_cast<std::int64_t>(front_);
    }
    return 0;
  }

 private:
  struct image_only {};
  guarded_array(const guarded_array& other, image_only)
      : front_(other.front_), image_(other.image_.size()) {}

  std::size_t front_;
  std::vector<T> image_;
  device_buffer<T> device_;
};

}  // namespace warpladder::test
