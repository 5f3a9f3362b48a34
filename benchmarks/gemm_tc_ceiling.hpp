// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <warpladder/core/stream.hpp>

namespace warpladder::bench {

/// How many operations per second the tensor cores of this GPU reach, 2 per multiply-add, for
/// inputs of type In (float: tf32). Measured once per process: see gemm_tc_ceiling.cu.
template <class In>
double tensor_ceiling(stream_view stream);

}  // namespace warpladder::bench
