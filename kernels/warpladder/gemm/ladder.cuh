// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/gemm/00_cublas.cuh>
#endif
#include <warpladder/gemm/01_naive.cuh>
#include <warpladder/gemm/02_coalesced.cuh>

namespace warpladder::gemm {

using ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublas,
#endif
    naive,
    coalesced>;

/// The rungs that are compiled for double too: those whose tuning does not care about the type.
using double_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublas,
#endif
    naive, coalesced>;

}  // namespace warpladder::gemm
