// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <harness/nvml.hpp>

// nvml.h is not part of every toolkit installation. The few declarations below are its stable
// binary interface: functions return 0 for success, enums are ints.

namespace warpladder::bench {
namespace {

using device_handle = nvmlDevice_st*;
using query_unsigned = int(device_handle, unsigned*);
using query_clock = int(device_handle, int clock, unsigned*);

constexpr int sm_clock = 1, memory_clock = 2;  // nvmlClockType_t
constexpr int gpu_temperature = 0;             // nvmlTemperatureSensors_t

template <class Function, class... Selector>
std::optional<unsigned> ask(Function* function, device_handle device, Selector... selector) {
  unsigned value = 0;
  if (function == nullptr || device == nullptr || function(device, selector..., &value) != 0)
    return {};
  return value;
}

}  // namespace

template <class Function>
Function* nvml::find(const char* name) const {
  return library_ ? reinterpret_cast<Function*>(dlsym(library_, name)) : nullptr;
}

nvml::nvml() {
  library_ = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
  auto* initialise = find<int()>("nvmlInit_v2");
  auto* by_bus_id = find<int(const char*, device_handle*)>("nvmlDeviceGetHandleByPciBusId_v2");
  int device = 0;
  char bus_id[32] = {};  // CUDA and NVML number the devices differently: meet at the bus id
  if (initialise == nullptr || by_bus_id == nullptr || initialise() != 0 ||
      cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device) != cudaSuccess ||
      by_bus_id(bus_id, &device_) != 0) {
    device_ = nullptr;
  }
}

nvml::~nvml() {
  if (auto* shutdown = find<int()>("nvmlShutdown")) shutdown();
  if (library_ != nullptr) dlclose(library_);
}

chip_state nvml::sample() const {
  chip_state state;
  auto* clock = find<query_clock>("nvmlDeviceGetClockInfo");
  state.sm_clock_mhz = ask(clock, device_, sm_clock);
  state.memory_clock_mhz = ask(clock, device_, memory_clock);
  state.power_milliwatt = ask(find<query_unsigned>("nvmlDeviceGetPowerUsage"), device_);
  state.temperature_c =
      ask(find<query_clock>("nvmlDeviceGetTemperature"), device_, gpu_temperature);
  // The older of its two names, which every driver has.
  auto* reasons =
      find<int(device_handle, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons");
  unsigned long long bits = 0;
  if (reasons != nullptr && device_ != nullptr && reasons(device_, &bits) == 0)
    state.throttle_reasons = bits;
  return state;
}

std::optional<unsigned> nvml::power_limit_milliwatt() const {
  return ask(find<query_unsigned>("nvmlDeviceGetEnforcedPowerLimit"), device_);
}

std::optional<unsigned> nvml::max_sm_clock_mhz() const {
  return ask(find<query_clock>("nvmlDeviceGetMaxClockInfo"), device_, sm_clock);
}

pcie_state nvml::pcie_link() const {
  return {ask(find<query_unsigned>("nvmlDeviceGetCurrPcieLinkGeneration"), device_),
          ask(find<query_unsigned>("nvmlDeviceGetCurrPcieLinkWidth"), device_)};
}

std::string nvml::driver_version() const {
  char text[96] = {};
  auto* query = find<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
  return query != nullptr && query(text, sizeof text) == 0 ? text : "";
}

}  // namespace warpladder::bench
