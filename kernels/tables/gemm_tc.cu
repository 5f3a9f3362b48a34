// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for 16-bit floats: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

WARPLADDER_INSTANTIATE(__nv_bfloat16, __nv_bfloat16)
#ifndef SIMT_TRACED  // explain and check run this pair alone
WARPLADDER_INSTANTIATE(__nv_bfloat16, float)
WARPLADDER_INSTANTIATE(__half, __half)
#endif

}  // namespace warpladder::tables
