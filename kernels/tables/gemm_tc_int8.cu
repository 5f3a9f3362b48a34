// SPDX-License-Identifier: Apache-2.0
//
// The ladder of tensor core GEMMs for int8: once per backend.
#include "gemm_tc_instances.cuh"

namespace warpladder::tables {

#ifndef SIMT_TRACED
WARPLADDER_INSTANTIATE(std::int8_t, std::int32_t)
#endif

}  // namespace warpladder::tables
