// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <cuda_runtime.h>  // tells which backend this is

#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/gemm_tc/00_cublaslt.cuh>
#endif
#include <warpladder/gemm_tc/01_wmma.cuh>
#include <warpladder/gemm_tc/02_mma_sync.cuh>
#include <warpladder/gemm_tc/03_swizzled.cuh>
#include <warpladder/gemm_tc/04_cp_async.cuh>
#include <warpladder/gemm_tc/05_wgmma.cuh>
#include <warpladder/gemm_tc/12_split_k.cuh>
#include <warpladder/gemm_tc/13_skinny.cuh>
#include <warpladder/gemm_tc/14_small.cuh>

namespace warpladder::gemm_tc {

// clang-format off
using ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublaslt,
#endif
    wmma,
    mma_sync,
    swizzled,
    cp_async,
    wgmma,
    split_k,
    skinny,
    small>;
// clang-format on

}  // namespace warpladder::gemm_tc
