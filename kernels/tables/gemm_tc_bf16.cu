// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for bf16: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

WARPLADDER_INSTANTIATE(__nv_bfloat16, __nv_bfloat16)

}  // namespace warpladder::tables
