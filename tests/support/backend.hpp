// SPDX-License-Identifier: Apache-2.0
//
// What the tests need to know of the backend they are built for.
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <warpladder/core/device.hpp>

#ifdef WARPLADDER_HOST_EXECUTOR
#include <simt/simt.hpp>
#endif

namespace warpladder::test {

#ifdef WARPLADDER_HOST_EXECUTOR
inline constexpr bool on_gpu = false;
#else
inline constexpr bool on_gpu = true;
#endif

// Built with the address and undefined-behaviour sanitizers: about ten times slower, so the case
// lists are shorter.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// Empty if device code can run here, otherwise the reason to skip.
inline const std::string& why_no_device() {
  static const std::string reason = [] {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess && count > 0) return std::string();
    return std::string("no GPU (") + cudaGetErrorName(status) + ")";
  }();
  return reason;
}

/// Runs `body` once per schedule of the host executor, with the schedule's name: in thread order,
/// then in random orders. On the GPU, which has its own schedule, once.
inline void for_each_schedule(int random_schedules,
                              const std::function<void(const std::string&)>& body) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.schedule = simt::schedule::round_robin;
  {
    const simt::scoped_options scope(options);
    body("round robin");
  }
  options.schedule = simt::schedule::random;
  for (int seed = 1; seed <= random_schedules; ++seed) {
    options.seed = static_cast<std::uint64_t>(seed);
    const simt::scoped_options scope(options);
    body("random order, seed " + std::to_string(seed));
  }
#else
  static_cast<void>(random_schedules);
  body("GPU");
#endif
}

/// The same for the order in which the operations of several streams run: as soon as they can, then
/// in random orders, between as late and as early as the host lets them. Eight seeds hold two of
/// each extreme. A wait that is missing shows as a wrong result. On the GPU once.
inline void for_each_stream_schedule(int random_schedules,
                                     const std::function<void(const std::string&)>& body) {
#ifdef WARPLADDER_HOST_EXECUTOR
  simt::options options = simt::current_options();
  options.streams = simt::stream_order::soon;
  {
    const simt::scoped_options scope(options);
    body("streams as soon as they can");
  }
  options.streams = simt::stream_order::random;
  for (int seed = 1; seed <= random_schedules; ++seed) {
    options.stream_seed = static_cast<std::uint64_t>(seed);
    const simt::scoped_options scope(options);
    body("streams in random order, seed " + std::to_string(seed));
  }
#else
  static_cast<void>(random_schedules);
  body("GPU");
#endif
}

/// A test made at run time: skipped with the reason where device code cannot run.
class device_test : public ::testing::Test {
 public:
  explicit device_test(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override {
    if (!why_no_device().empty()) GTEST_SKIP() << why_no_device();
    cudaGetLastError();  // what an earlier test left behind is not this test's failure
    body_();
  }

  /// Registers `body` as the test `suite.name`. Suites may hold any character but a dot.
  static void add(const std::string& suite, const std::string& name, std::function<void()> body) {
    ::testing::RegisterTest(
        suite.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
        [body = std::move(body)]() -> device_test* { return new device_test(body); });
  }

 private:
  std::function<void()> body_;
};

}  // namespace warpladder::test
