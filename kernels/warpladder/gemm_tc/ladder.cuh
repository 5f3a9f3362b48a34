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
#include <warpladder/gemm_tc/06_two_warpgroups.cuh>
#include <warpladder/gemm_tc/07_warp_specialized.cuh>
#include <warpladder/gemm_tc/08_persistent.cuh>
#include <warpladder/gemm_tc/09_multicast.cuh>
#include <warpladder/gemm_tc/10_tile_order.cuh>
#include <warpladder/gemm_tc/11_stream_k.cuh>
#include <warpladder/gemm_tc/12_split_k.cuh>
#include <warpladder/gemm_tc/13_skinny.cuh>
#include <warpladder/gemm_tc/14_small.cuh>
#include <warpladder/gemm_tc/15_pingpong.cuh>
#include <warpladder/gemm_tc/16_tuned.cuh>

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
    two_warpgroups,
    warp_specialized,
    persistent,
    multicast,
    tile_order,
    stream_k,
    split_k,
    skinny,
    small,
    pingpong,
    tuned>;
// clang-format on

/// The rungs that are compiled for other types than bf16 -> bf16: what differs from type to type is
/// the instruction, and the steps between these rungs are about everything else.
using short_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublaslt,
#endif
    mma_sync, cp_async, multicast, tile_order, stream_k, split_k, skinny, small, pingpong, tuned>;

}  // namespace warpladder::gemm_tc
