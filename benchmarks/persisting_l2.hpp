// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <warpladder/core/error.hpp>

namespace warpladder::bench {

/// While it lives, as much of L2 as can be is set aside for data that persists, which rung 34
/// l2_persistence asks its caller for.
class persisting_l2 {
 public:
  persisting_l2() {
    int device = 0, most = 0;
    WARPLADDER_TRY(cudaGetDevice(&device));
    WARPLADDER_TRY(cudaDeviceGetAttribute(&most, cudaDevAttrMaxPersistingL2CacheSize, device));
    WARPLADDER_TRY(cudaDeviceGetLimit(&before_, cudaLimitPersistingL2CacheSize));
    WARPLADDER_TRY(cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, std::size_t(most)));
  }
  persisting_l2(const persisting_l2&) = delete;
  persisting_l2& operator=(const persisting_l2&) = delete;
  ~persisting_l2() {
    WARPLADDER_TRY_NOTHROW(cudaCtxResetPersistingL2Cache());
    WARPLADDER_TRY_NOTHROW(cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, before_));
  }

  /// Lines that persist become ordinary ones.
  static void forget() { WARPLADDER_TRY(cudaCtxResetPersistingL2Cache()); }

 private:
  std::size_t before_ = 0;
};

}  // namespace warpladder::bench
