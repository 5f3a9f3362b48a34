// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

struct sm_80_race {
  int vendor_kernels = 0;     ///< that were timed
  std::string vendor_kernel;  ///< the fastest
  double vendor_seconds = 0, seconds = 0;
};

/// Rung 04 cp_async against the fastest of the vendor's kernels for compute capability 8.0, on a
/// product of n x n x n in bf16: medians of turns. No kernels and no times if the vendor has none.
/// Needs compute capability 8.0.
sm_80_race race_sm_80(std::int64_t n, bool trans_b, stream_view stream);

}  // namespace warpladder::bench
