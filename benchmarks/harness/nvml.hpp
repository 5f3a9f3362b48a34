// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

struct nvmlDevice_st;

namespace warpladder::bench {

/// The state of the chip, as far as the driver tells.
struct chip_state {
  std::optional<unsigned> sm_clock_mhz, memory_clock_mhz, power_milliwatt, temperature_c;
  /// Why the clock is below its maximum: the bits that nvml.h calls nvmlClocksEventReason*, for
  /// example 0x4 power cap, 0x20 and 0x40 thermal, 0x80 power brake. 0 is unthrottled.
  std::optional<unsigned long long> throttle_reasons;
};

/// The connection to the host as it is now: an idle GPU may have slowed it down.
struct pcie_state {
  std::optional<unsigned> generation, width;
};

/// NVIDIA's management library, loaded at run time: absent (containers, embedded boards), every
/// answer is empty and nothing fails.
class nvml {
 public:
  nvml();  ///< for the calling thread's current CUDA device
  ~nvml();
  nvml(const nvml&) = delete;
  nvml& operator=(const nvml&) = delete;

  chip_state sample() const;
  std::optional<unsigned> power_limit_milliwatt() const;
  std::optional<unsigned> max_sm_clock_mhz() const;
  pcie_state pcie_link() const;
  std::string driver_version() const;  ///< "" if unknown

 private:
  template <class Function>
  Function* find(const char* name) const;

  void* library_ = nullptr;
  nvmlDevice_st* device_ = nullptr;
};

}  // namespace warpladder::bench
