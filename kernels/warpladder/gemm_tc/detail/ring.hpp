// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace warpladder::gemm_tc::detail {

/// Where somebody stands who goes round a ring of buffers: the buffer, and the parity of the phase
/// that its barrier is in. Whoever fills waits for the parity before: a ring begins empty.
template <int Stages>
struct ring_position {
  int stage = 0;
  unsigned parity = 0;

  __device__ __forceinline__ void advance() {
    if (++stage == Stages) {
      stage = 0;
      parity ^= 1;
    }
  }
  /// Leaves `count` buffers to somebody else.
  __device__ __forceinline__ void skip(int count) {
    stage += count;
    parity ^= unsigned(stage / Stages % 2);
    stage %= Stages;
  }
};

}  // namespace warpladder::gemm_tc::detail
