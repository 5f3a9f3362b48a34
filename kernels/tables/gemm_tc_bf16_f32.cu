// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for bf16 -> float: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

#ifndef SIMT_TRACED
WARPLADDER_INSTANTIATE(__nv_bfloat16, float)
#endif

}  // namespace warpladder::tables
