// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for half: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

#ifndef SIMT_TRACED
WARPLADDER_INSTANTIATE(__half, __half)
#endif

}  // namespace warpladder::tables
