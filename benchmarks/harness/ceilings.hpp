// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// What this GPU can do at most, measured in this process by probes. Published peaks assume a clock
/// that no chip holds under load; these are what a kernel can really be compared with.
struct ceilings {
  double fma_flops_per_second = 0;   ///< float32 multiply-adds from registers, 2 flops each
  double copy_bytes_per_second = 0;  ///< device to device, bytes read plus bytes written
  double read_bytes_per_second = 0;  ///< device memory to the multiprocessors, nothing written
};

/// Takes about a second, long enough for the clocks to settle as they do under a GEMM.
ceilings measure_ceilings(stream_view stream);

}  // namespace warpladder::bench
