// SPDX-License-Identifier: Apache-2.0
//
// What the parts of transfer_study share: memory of every kind, and how a transfer is timed.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <launch_overheads/lab.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/transfer/problem.hpp>

namespace warpladder::bench {

constexpr std::size_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;

/// "64 KiB"; sizes are powers of two here.
std::string size_text(std::size_t bytes);

double gb_per_s(std::size_t bytes, const timing& time);

using transfer::direction;
constexpr direction directions[] = {direction::to_device, direction::to_host};
constexpr const char* name(direction which) {
  return which == direction::to_device ? "H2D" : "D2H";
}
constexpr cudaMemcpyKind kind_of(direction which) {
  return which == direction::to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
}

/// Fresh pages of the operating system, as a large malloc returns them: none of them is backed by
/// memory before it is touched.
class fresh_pages {
 public:
  explicit fresh_pages(std::size_t bytes);
  ~fresh_pages();
  fresh_pages(const fresh_pages&) = delete;
  fresh_pages& operator=(const fresh_pages&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
};

/// Writes a byte of each page.
void touch_pages(std::byte* data, std::size_t bytes);

enum class memory_kind { pageable, pinned, registered, write_combined, managed };
const char* name(memory_kind which);

/// Touched host memory of a kind. Throws cuda_error or std::bad_alloc.
std::shared_ptr<std::byte> allocate_host(memory_kind which, std::size_t bytes);

/// One way to move bytes.
struct method {
  std::string what;
  std::function<void()> start;         ///< the calls
  std::function<void()> finish;        ///< waits until everything has arrived
  std::function<void()> prepare = {};  ///< before each, not timed
};

/// What a program sees of a transfer: microseconds from the call until everything has arrived, and
/// for how many of them the calls kept the host.
struct transfer_time {
  timing whole, host;
};

class transfer_lab : public lab {
 public:
  explicit transfer_lab(bool quick);

  /// The sizes of sweeps, ascending.
  std::vector<std::size_t> sizes() const;
  std::size_t largest() const { return sizes().back(); }

  /// At least so many bytes of host memory, filled with a pattern, kept for whoever asks next.
  std::byte* host(memory_kind which, std::size_t bytes);
  /// The same of the device.
  std::byte* device_memory(std::size_t bytes);

  /// Each repetition begins on idle streams. At least 3, more while they fit into `enough_us`.
  transfer_time time(const method& how, double enough_us = 30e3) const;

  /// Waits for `on` and for the legacy default stream, which cudaMemcpy uses.
  void wait() const;

  /// cudaMemcpy; cudaMemcpyAsync in `on`.
  method copy_sync(std::string what, std::byte* to, const std::byte* from, std::size_t bytes,
                   direction where) const;
  method copy_async(std::string what, std::byte* to, const std::byte* from, std::size_t bytes,
                    direction where) const;

  const int cores;
  unsigned* scratch() const { return scratch_.data(); }

 private:
  struct owned_host {
    std::shared_ptr<std::byte> memory;
    std::size_t bytes = 0;
  };
  std::map<memory_kind, owned_host> hosts_;
  device_buffer<std::byte> device_memory_;
  device_buffer<unsigned> scratch_{1};
};

/// The two ends of a transfer between host memory and the device.
struct ends {
  std::byte* to;
  const std::byte* from;
};
inline ends ends_of(direction where, std::byte* host, std::byte* on_device) {
  return where == direction::to_device ? ends{on_device, host} : ends{host, on_device};
}

}  // namespace warpladder::bench
