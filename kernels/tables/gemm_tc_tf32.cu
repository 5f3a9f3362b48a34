// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for tf32: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

#ifndef SIMT_TRACED
WARPLADDER_INSTANTIATE(float, float)
#endif

}  // namespace warpladder::tables
