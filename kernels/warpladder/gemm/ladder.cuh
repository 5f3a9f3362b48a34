// SPDX-License-Identifier: Apache-2.0
//
// The registry of the topic. A new rung is one new file and two lines here.
#pragma once

#include <cuda_runtime.h>  // tells which backend this is

#ifndef WARPLADDER_HOST_EXECUTOR
#include <warpladder/gemm/00_cublas.cuh>
#endif
#include <warpladder/gemm/01_naive.cuh>
#include <warpladder/gemm/02_coalesced.cuh>
#include <warpladder/gemm/03_smem_tiled.cuh>
#include <warpladder/gemm/04_thread_tile_1d.cuh>
#include <warpladder/gemm/05_thread_tile_2d.cuh>
#include <warpladder/gemm/06_vectorized.cuh>
#include <warpladder/gemm/07_conflict_free.cuh>
#include <warpladder/gemm/08_register_prefetch.cuh>
#include <warpladder/gemm/09_cp_async.cuh>
#include <warpladder/gemm/10_warp_tile.cuh>
#include <warpladder/gemm/11_large_tile.cuh>
#include <warpladder/gemm/12_tensor_copy.cuh>
#include <warpladder/gemm/13_skinny.cuh>
#include <warpladder/gemm/14_slice_k.cuh>
#include <warpladder/gemm/15_split_k.cuh>
#include <warpladder/gemm/16_cluster_split_k.cuh>
#include <warpladder/gemm/17_batched.cuh>
#include <warpladder/gemm/18_stream_k.cuh>
#include <warpladder/gemm/19_tuned.cuh>

namespace warpladder::gemm {

// clang-format off
using ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublas,
#endif
    naive,
    coalesced,
    smem_tiled,
    thread_tile_1d,
    thread_tile_2d,
    vectorized,
    conflict_free,
    register_prefetch,
    cp_async,
    warp_tile,
    large_tile,
    tensor_copy,
    skinny,
    slice_k,
    split_k,
    cluster_split_k,
    batched,
    stream_k,
    tuned>;
// clang-format on

/// The rungs that are compiled for double too: those whose tuning does not care about the type.
using double_ladder = rung_list<
#ifndef WARPLADDER_HOST_EXECUTOR
    cublas,
#endif
    naive, coalesced, smem_tiled, thread_tile_1d, thread_tile_2d>;

}  // namespace warpladder::gemm
